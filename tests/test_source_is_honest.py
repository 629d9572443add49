"""The prose in the source is held to the code: docstrings, shape comments and examples are true."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from types import FrameType
from typing import Any

import pytest
from tests.oracles.source import Claim, Function, Module, claims, modules, reachable
from tests.shape_runs import RUNS

# Rooms whose public functions all document arguments and errors. Elsewhere a docstring that lists
# either must list them truly.
STRICT = ("cutaway.transformers",)


def documented() -> Iterator[Function]:
    for module in modules().values():
        for function in module.functions.values():
            told = {"Args", "Raises"} & function.sections.keys()
            if function.public and (told or module.name.startswith(STRICT)):
                yield function


def identity(function: Function) -> str:
    return f"{function.module.removeprefix('cutaway.')}.{function.name}"


@pytest.mark.parametrize("function", list(documented()), ids=identity)
def test_a_docstring_names_every_argument_and_error(function: Function) -> None:
    strict = function.module.startswith(STRICT)
    told = set(function.sections.get("Raises", ()))
    if "Args" in function.sections or strict:
        assert function.sections.get("Args", []) == function.arguments
    assert function.raises <= told, "raised in the body but not documented"
    assert told <= reachable(function), "documented but raised neither here nor in what is called"
    if strict:
        assert reachable(function, only_private_here=True) <= told, "raised in a helper but not documented"


with_claims = [module for module in modules().values() if any(claims(module))]


@pytest.mark.parametrize("module", with_claims, ids=lambda module: module.name)
def test_shape_comments_are_true(module: Module) -> None:
    found, stray = claims(module)
    assert not stray, f"lines {stray}: a shape comment stands only behind `name = ...`"
    room = module.name.split(".")[1]
    assert room in RUNS, f"write a run for the room {room!r} in tests/shape_runs.py"
    seen = watched(room)
    wrong = [text for name, text in seen.wrong if name == module.name]
    assert not wrong
    unseen = [claim for claim in found if (module.name, claim.last) not in seen.checked]
    assert not unseen, f"no run in tests/shape_runs.py passes through these lines: {unseen}"


@pytest.mark.parametrize("module", with_claims, ids=lambda module: module.name)
def test_letters_of_shapes_are_explained_at_the_top(module: Module) -> None:
    legend = ast.get_docstring(module.tree) or ""
    letters = {letter for claim in claims(module)[0] for part in claim.shape for letter in _names(part)}
    unexplained = {letter for letter in letters if not re.search(rf"\b{letter}\b", legend)}
    assert not unexplained


@pytest.mark.parametrize("module", list(modules().values()), ids=lambda module: module.name)
def test_examples_run(module: Module) -> None:
    results = doctest.testmod(importlib.import_module(module.name))
    assert results.failed == 0
    assert results.attempted >= _examples(module)


class ShapeWatch:
    """While active, compares each claim of the package with the array, once it is assigned.

    A letter means one size within one call of a function; `2` means two; `R·L` the product.
    """

    def __init__(self) -> None:
        self.checked: set[tuple[str, int]] = set()
        self.wrong: list[tuple[str, str]] = []
        self._claims = {str(module.path): (module.name, claims(module)[0]) for module in modules().values()}

    def __enter__(self) -> ShapeWatch:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        name, found = self._claims.get(frame.f_code.co_filename, ("", []))
        # A comprehension on the line of a claim is a frame of its own, which does not own the target.
        own = (*frame.f_code.co_varnames, *frame.f_code.co_cellvars)
        found = [claim for claim in found if claim.target in own]
        if not found:
            return None
        sizes: dict[str, int] = {}
        pending: list[Claim] = []

        def line(frame: FrameType, event: str, argument: object) -> Any:
            if event == "exception":
                pending.clear()
            if pending and event in ("line", "return"):
                # A statement of several lines comes back to its first one before it assigns.
                if event == "line" and pending[0].first <= frame.f_lineno <= pending[0].last:
                    return line
                self._check(name, pending.pop(), frame, sizes)
            if event == "line":
                pending.extend(claim for claim in found if claim.first == frame.f_lineno)
            return line

        return line

    def _check(self, module: str, claim: Claim, frame: FrameType, sizes: dict[str, int]) -> None:
        actual = tuple(getattr(frame.f_locals.get(claim.target), "shape", ("not an array",)))
        self.checked.add((module, claim.last))
        if len(actual) != len(claim.shape) or not all(
            size == _size(part, sizes, size) for part, size in zip(claim.shape, actual, strict=True)
        ):
            told = f"({', '.join(claim.shape)})"
            self.wrong.append((module, f"line {claim.last}: {claim.target} is {actual}, not {told}, {sizes}"))


@cache
def watched(room: str) -> ShapeWatch:
    with ShapeWatch() as watch:
        RUNS[room]()
    return watch


def _size(part: str, sizes: dict[str, int], actual: int) -> int:
    """The size that a part of a comment claims; a letter that is met for the first time is believed."""
    if part.isidentifier():
        return sizes.setdefault(part, actual)
    product = 1
    for factor in re.split(r"[·*]", part):
        name = factor.strip()
        product *= int(name) if name.isdigit() else sizes.get(name, -1)
    return product


def _names(part: str) -> list[str]:
    return [name for name in re.split(r"[^A-Za-z_]+", part) if name]


def _examples(module: Module) -> int:
    """How many lines the docstrings of functions and methods try: none may be skipped unseen."""
    return sum((ast.get_docstring(f.node) or "").count(">>> ") for f in module.functions.values())


BROKEN = """
import numpy as np

def product(a, b):
    left = a @ b  # (A, C)
    right = np.concatenate(
        [a, a]
    )  # (2·A, C)
    return left
"""


def test_the_watch_finds_a_false_comment(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    module = Module(name="broken", path=path, tree=ast.parse(BROKEN))
    watch = ShapeWatch()
    watch._claims = {str(path): ("broken", claims(module)[0])}
    space: dict[str, Any] = {}
    exec(compile(BROKEN, str(path), "exec"), space)
    with watch:
        space["product"](np.ones((2, 3)), np.ones((3, 4)))
    assert watch.checked == {("broken", 5), ("broken", 8)}
    assert [text.split(":")[0] for _, text in watch.wrong] == ["line 8"]
