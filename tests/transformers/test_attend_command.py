"""`cutaway attend`: what it prints is what the trace holds; odd input gets one clear line."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from tests.transformers.conftest import Pair

from cutaway.cli.attend import shade
from cutaway.cli.main import main
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.heads import most_telling

TEXT = "The old man kept me awake"


def test_json_holds_the_trace_of_the_most_telling_heads(
    minilm: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attend", TEXT, "--top", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    encoding = Tokenizer.load("all-MiniLM-L6-v2").encode(TEXT)
    trace = minilm.ours.trace(encoding.ids, tokens=encoding.tokens)
    assert told["tokens"] == ["[CLS]", "the", "old", "man", "kept", "me", "awake", "[SEP]"]
    assert [(head["layer"], head["head"]) for head in told["heads"]] == [
        (found.layer, found.head) for found in most_telling(trace, topn=2)
    ]
    for head in told["heads"]:
        expected = trace["weights"][head["layer"], head["head"]]
        assert np.abs(np.array(head["weights"]) - expected).max() < 1e-5


def test_a_grid_has_a_row_for_each_query_and_its_strongest_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attend", TEXT, "--layer", "0", "--head", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "layer 0, head 2" in rows[2]
    # The previous-token head: every query looks at its left neighbor.
    assert [row.split("→")[1].split()[1] for row in rows[5:12]] == [
        "[CLS]",
        "the",
        "old",
        "man",
        "kept",
        "me",
        "awake",
    ]
    assert [rows[5 + at].index("█") for at in range(7)] == [18 + 2 * at for at in range(7)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--layer", "4"], {(4, head) for head in range(12)}),
        (["--head", "7"], {(layer, 7) for layer in range(6)}),
        (["--layer", "4", "--head", "7"], {(4, 7)}),
    ],
)
def test_only_what_was_named_is_shown(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: set[tuple[int, int]]
) -> None:
    assert main(["attend", TEXT, "--top", "99", "--json", *words]) == 0
    told = json.loads(capsys.readouterr().out)["heads"]
    assert {(head["layer"], head["head"]) for head in told} == expected
    assert [head["score"] for head in told] == sorted((head["score"] for head in told), reverse=True)


def test_a_long_text_is_shown_as_links(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attend", "one two three " * 20, "--top", "1"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3 + 24
    assert all("→" in row for row in rows[3:])


def test_a_text_without_content_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attend", ""]) == 0
    assert "Fewer than two content tokens" in capsys.readouterr().out
    assert main(["attend", "", "--layer", "1", "--head", "1"]) == 0
    assert "layer 1, head 1" in capsys.readouterr().out


def test_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attend", "[red]x[/red] :smile:", "--top", "1"]) == 0
    printed = capsys.readouterr().out
    assert "red" in printed
    assert "smile" in printed


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"good film")))
    assert main(["attend", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == ["[CLS]", "good", "film", "[SEP]"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["good film", "--layer", "6"], 2, "there is no layer 6: this model has 6, from 0 to 5"),
        (["good film", "--head", "-1"], 2, "there is no head -1"),
        (["good film", "--top", "0"], 2, "--top is 0"),
        (["good film", "--model", "glove-6b-50d"], 1, "glove-6b-50d is not a model"),
        (["good film", "--model", "weights.bin"], 1, "never read"),
        (["word " * 600], 1, "a row has 602 tokens, the position table 512 rows"),
    ],
)
def test_odd_input_gets_one_line_and_its_code(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str
) -> None:
    assert main(["attend", *words]) == code
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_shades_darken() -> None:
    assert "".join(shade(weight) for weight in (0, 0.02, 0.1, 0.25, 0.5, 0.75, 1)) == " ·░▒▓██"
