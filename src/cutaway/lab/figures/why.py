"""Why a number is what it is: its operands, what was done with each, and what they come to.

A `Why` is computed from the operands of the number it explains, in plain Python, and carries both: what the
terms come to, and what the model had. The page shows them side by side; a test holds them equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Trace

Join = Literal["sum", "product", "given"]


@dataclass(frozen=True, kw_only=True)
class Term:
    """One operand or product of operands.

    Attributes:
        label: what it belongs to: a unit, a key's token, a step.
        factors: the operands, by name.
        value: what they come to.
    """

    label: str
    factors: Sequence[tuple[str, float]]
    value: float


@dataclass(frozen=True, kw_only=True)
class Why:
    """The arithmetic behind one number.

    Attributes:
        name: the array with its indices in words: "scores: layer 5, head 3, love, film".
        formula: as the trace's step has it.
        terms: what is joined, in order.
        join: how: all added, all multiplied, or nothing but one given value.
        then: what is done with the joined terms, in words; empty if nothing.
        value: what the terms come to, all in all.
        shown: the model's number.
        file, symbol, line: where the model computed it.
    """

    name: str
    formula: str
    terms: Sequence[Term]
    join: Join
    then: str
    value: float
    shown: float
    file: str
    symbol: str
    line: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values, factors as pairs."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a room says of one number; the rest of a `Why` is in the trace.

    Attributes:
        terms: what is joined.
        join: how.
        then: what is done with the joined terms, in words.
        last: the same as a function.
    """

    terms: Sequence[Term]
    join: Join = "sum"
    then: str = ""
    last: Callable[[float], float] = float


def products(labels: Iterable[str], names: Sequence[str], *factors: Iterable[float]) -> list[Term]:
    """Return one term for each label: the product of its factors.

    Args:
        labels: of the terms.
        names: of the factors.
        factors: for each name its values, one a term.

    Returns:
        The terms.

    Example:
        >>> products(["a"], ["x", "y"], [2.0], [3.0])[0].value
        6.0
    """
    return [
        Term(label=label, factors=[*zip(names, values, strict=True)], value=math.prod(values))
        for label, values in zip(
            labels, ([float(v) for v in row] for row in zip(*factors, strict=True)), strict=True
        )
    ]


def single(label: str, value: float) -> Term:
    """Return a term that is one value, such as a bias."""
    return Term(label=label, factors=[(label, float(value))], value=float(value))


def sigma(value: float) -> float:
    """Return σ(x) = 1 / (1 + e⁻ˣ).

    Example:
        >>> sigma(0.0)
        0.5
    """
    return 0.5 + 0.5 * math.tanh(0.5 * value)


def explain(trace: Trace, array: str, index: Sequence[int], parts: Parts) -> Why:
    """Join the terms and set them beside the model's number.

    Args:
        trace: that holds the number.
        array: which array.
        index: where in it.
        parts: what the room says of it.

    Returns:
        The whole answer.

    Raises:
        UnknownNameError: the trace has no such array, or no step computed it.
        ShapeError: the index does not lie in it.
    """
    values = trace[array]
    axes = trace.arrays[array].axes
    place = check_index(array, values.shape, index)
    step = trace.step(array)
    numbers = [term.value for term in parts.terms]
    joined = math.prod(numbers) if parts.join == "product" else math.fsum(numbers)
    return Why(
        name=f"{array}: {', '.join(_place(trace, axis, at) for axis, at in zip(axes, place, strict=True))}",
        formula=step.formula,
        terms=parts.terms,
        join=parts.join,
        then=parts.then,
        value=parts.last(joined),
        shown=float(values[place]),
        file=step.source.file,
        symbol=step.source.symbol,
        line=step.source.line,
    )


def check_index(array: str, shape: Sequence[int], index: Sequence[int]) -> tuple[int, ...]:
    """Return the index as a tuple.

    Args:
        array: its name, for the error.
        shape: of the array.
        index: one number an axis, from 0.

    Raises:
        ShapeError: it does not lie in the array.
    """
    inside = len(index) == len(shape) and all(0 <= at < size for at, size in zip(index, shape, strict=True))
    if not inside:
        raise ShapeError(f"{array} has the shape {list(shape)}: there is no place {list(index)[:8]} in it")
    return tuple(index)


def _place(trace: Trace, axis: str, at: int) -> str:
    labels = trace.labels.get(axis, ())
    return labels[at] if at < len(labels) else f"{axis} {at}"
