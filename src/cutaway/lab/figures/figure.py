"""One figure of a room: its trace, the Python that repeats it, and the source of every step."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from cutaway.core.errors import UsageError
from cutaway.core.trace import PACKAGE, Cell, Trace
from cutaway.lab.figures.why import Parts, Why, check_index, explain

Explainer = Callable[[tuple[int, ...]], Parts]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a page draws.

    Attributes:
        trace: every number of it.
        python: the lines that make the same trace in a notebook.
        whys: for each array that can be asked, a function from a place in it to its operands.
        more: plain values beside the trace: choices that the page offers.
        drawn: the arrays that the page draws, where it draws not all.
    """

    trace: Trace
    python: str
    whys: Mapping[str, Explainer] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    drawn: Sequence[str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the trace with the arrays that are drawn, the lines, the sources."""
        arrays = self.trace.arrays
        shown = {name: arrays[name] for name in self.drawn} if self.drawn else arrays
        whole = replace(self.trace, arrays=shown).to_json()
        return {
            "trace": whole,
            "python": self.python,
            "sources": sources(self.trace),
            "answers": sorted(self.whys),
            **self.more,
        }

    def why(self, array: str, index: Sequence[int]) -> Why:
        """Say why one number is what it is.

        Args:
            array: which array.
            index: where in it.

        Returns:
            Operands, what they come to, the model's number.

        Raises:
            UsageError: this figure has no answer for that array.
        """
        if array not in self.whys:
            raise UsageError(f"{array!r} cannot be asked here: {sorted(self.whys)} can")
        place = check_index(array, self.trace[array].shape, index)
        return explain(self.trace, array, place, self.whys[array](place))


def sources(trace: Trace) -> dict[str, dict[str, Any]]:
    """Return the source of each function that a trace's steps name.

    Args:
        trace: whose steps name files of this package.

    Returns:
        For each "file:symbol" its first line and its lines; what lies outside the package is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for step in trace.steps:
        key = f"{step.source.file}:{step.source.symbol}"
        if key not in found and step.source.file.startswith(f"{PACKAGE.name}/"):
            first, lines = _lines(step.source.file, step.source.symbol)
            if lines:
                found[key] = {"first": first, "lines": list(lines)}
    return found


@cache
def _lines(file: str, symbol: str) -> tuple[int, tuple[str, ...]]:
    text = (PACKAGE.parent / file).read_text(encoding="utf-8")
    body: Sequence[ast.stmt] = ast.parse(text).body
    node: ast.stmt | None = None
    for name in symbol.replace("<locals>.", "").split("."):
        node = next((one for one in body if getattr(one, "name", None) == name), None)
        if node is None:
            return 0, ()
        body = getattr(node, "body", [])
    if node is None or node.end_lineno is None:
        return 0, ()
    first = min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])
    return first, tuple(text.splitlines()[first - 1 : node.end_lineno])


def literal(value: Cell | Sequence[str]) -> str:
    """Return a value as a line of Python may write it.

    Example:
        >>> literal("a\\nb")
        "'a\\\\nb'"
    """
    return repr(list(value)) if isinstance(value, (list, tuple)) else repr(value)
