"""The page's types are what the API says, and what the API says is what it answers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from cutaway.lab.answers.answer import Problem
from cutaway.lab.answers.figures import (
    Answer,
    BenchAnswer,
    CutAnswer,
    FadingAnswer,
    MapAnswer,
    MemoryAnswer,
    PartsAnswer,
    TugAnswer,
    ValveAnswer,
    Why,
)
from cutaway.lab.answers.tour import Tour

TOOL = Path(__file__).parents[2] / "tools" / "api_types.py"
TEXT = "The film was not bad, just slow."


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_types", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_types_are_what_the_api_says(tool: ModuleType) -> None:
    written = tool.written(tool.described())
    assert tool.TYPES.read_text(encoding="utf-8") == written, "run `python tools/api_types.py` and commit"


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string"}, "string"),
        ({"type": "integer"}, "number"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "(string | null)[]"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "[string, number]"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"const": 'a"b'}, '"a\\"b"'),
        ({"type": "object", "additionalProperties": {"$ref": "#/components/schemas/A"}}, "Record<string, A>"),
        ({"type": "object", "additionalProperties": True}, "Record<string, unknown>"),
        (
            {"type": "object", "properties": {"a-b": {}, "c": {}}, "required": ["c"]},
            '{ "a-b"?: unknown; c: unknown; }',
        ),
        ({}, "unknown"),
    ],
)
def test_schemas_become_types(tool: ModuleType, schema: dict[str, Any], written: str) -> None:
    assert tool.type_of(schema) == written


BODIES: list[tuple[str, dict[str, Any], Any]] = [
    ("tour", {"text": TEXT}, Tour),
    ("figures/cut", {"text": TEXT}, CutAnswer),
    ("figures/cut", {"text": TEXT, "tokenizer": "unigram-reviews"}, CutAnswer),
    ("figures/memory", {"text": TEXT}, MemoryAnswer),
    ("figures/memory", {"text": TEXT, "array": "cell", "index": [1, 2]}, Why),
    ("figures/bench", {"text": TEXT}, BenchAnswer),
    (
        "figures/bench",
        {"text": TEXT, "edits": [{"array": "q", "row": 1, "column": 2, "value": 3}]},
        BenchAnswer,
    ),
    ("figures/map", {"words": ["king", "queen", "dog", "cat", "none-such"]}, MapAnswer),
    ("figures/valve", {"text": TEXT}, ValveAnswer),
    ("figures/counting", {"corpus": "a b c\nb c d"}, Answer),
    ("figures/fading", {}, FadingAnswer),
    ("figures/atlas", {"text": TEXT}, Answer),
    ("figures/parts", {"text": TEXT}, PartsAnswer),
    ("figures/parts", {"text": TEXT, "array": "total", "index": []}, Why),
    ("figures/analogy", {"positive": ["king"]}, Answer),
    (
        "figures/tug",
        {"corpus": "a b c\nb c d", "sentence": ["a", "b"], "center": 0, "negatives": ["d"]},
        TugAnswer,
    ),
    ("figures/cut", {"text": " "}, Problem),
    ("figures/cut", {"txt": "a"}, Problem),
]


@pytest.mark.parametrize(("path", "body", "model"), BODIES)
def test_answers_are_of_the_types_that_are_promised(
    client: TestClient, path: str, body: dict[str, Any], model: Any
) -> None:
    answer = client.post(f"/api/{path}", json=body)
    assert (answer.status_code == 422) == (model is Problem)
    # Strict, and no field more: the page's types would not know it.
    TypeAdapter(model).validate_json(answer.content)
