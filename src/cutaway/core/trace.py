"""The open path's record: named arrays, tables of events, and the steps between them.

A trace is what one computation left behind. `Recorder` writes it while plain code runs:

    scores = rec.keep("scores", q @ k.T / math.sqrt(d), axes=("query", "key"),
                      formula="scores = q kᵀ / √d", inputs=("q", "k"))

`keep` hands the value back, so the traced line is the computing line, and the step remembers the
file, symbol and line that it came from. Figures draw traces and nothing else.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError, UnknownNameError

PACKAGE = Path(__file__).parents[1]

Value = TypeVar("Value")
Cell = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a step was computed: a file of the package, the symbol in it, the line."""

    file: str
    symbol: str
    line: int


@dataclass(frozen=True, kw_only=True)
class NamedArray:
    """An array whose axes have names and, where it helps, a label for each position."""

    name: str
    axes: tuple[str, ...]
    values: NDArray[Any]

    def to_json(self) -> dict[str, Any]:
        """Return name, axes, shape, dtype and the bytes, little-endian, in base64."""
        little = np.ascontiguousarray(self.values).astype(self.values.dtype.newbyteorder("<"))
        return {
            "name": self.name,
            "axes": list(self.axes),
            "shape": list(self.values.shape),
            "dtype": self.values.dtype.name,
            "base64": base64.b64encode(little.tobytes()).decode("ascii"),
        }


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of plain values under named columns: the tries of a search, a list of neighbors."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, name: str) -> list[Cell]:
        """Return one column's values, top to bottom."""
        if name not in self.columns:
            raise UnknownNameError(f"table {self.name!r} has no column {name!r}: it has {list(self.columns)}")
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def to_json(self) -> dict[str, Any]:
        """Return name, columns and rows as lists."""
        return {"name": self.name, "columns": list(self.columns), "rows": [list(row) for row in self.rows]}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One equation: what came out, from what, by which formula, at which line."""

    output: str
    formula: str
    inputs: tuple[str, ...]
    source: Source

    def to_json(self) -> dict[str, Any]:
        """Return the step with its source line flattened in."""
        return {
            "output": self.output,
            "formula": self.formula,
            "inputs": list(self.inputs),
            "file": self.source.file,
            "symbol": self.source.symbol,
            "line": self.source.line,
        }


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A frozen record of one computation.

    Attributes:
        title: what was computed, in a few words.
        arrays: named arrays, in the order they were computed.
        tables: named tables.
        steps: the equations, in order.
        labels: for an axis name, the label of each position (tokens, mostly).
        facts: single values worth showing: a probability, the model's sha256.
        picture: draws the trace as SVG, where its room has a picture of its own; notebooks show it.
    """

    title: str
    arrays: Mapping[str, NamedArray] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, Cell] = field(default_factory=dict)
    picture: Callable[[Trace], str] | None = field(default=None, compare=False, repr=False)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the values of the array called `name`."""
        if name not in self.arrays:
            raise UnknownNameError(f"this trace has no array {name!r}: it has {sorted(self.arrays)}")
        return self.arrays[name].values

    def table(self, name: str) -> Table:
        """Return the table called `name`."""
        if name not in self.tables:
            raise UnknownNameError(f"this trace has no table {name!r}: it has {sorted(self.tables)}")
        return self.tables[name]

    def step(self, output: str) -> Step:
        """Return the step that computed `output`."""
        for step in self.steps:
            if step.output == output:
                return step
        raise UnknownNameError(f"no step of this trace computed {output!r}")

    def at(self, **places: int) -> Trace:
        """Return the trace at one place of some axes: `trace.at(layer=1, head=7)`.

        Args:
            places: for the name of an axis, where on it, from 0; negative ones count from the end.

        Returns:
            The same trace, arrays that have one of the axes cut there; tables and other arrays unchanged.

        Raises:
            UnknownNameError: no array has an axis of that name.
            ShapeError: an array is not that long.
        """
        known = {axis for array in self.arrays.values() for axis in array.axes}
        if missing := sorted(set(places) - known):
            raise UnknownNameError(f"no array has an axis {missing[0]!r}: there are {sorted(known)}")
        arrays = {name: _cut(array, places) for name, array in self.arrays.items()}
        said = ", ".join(f"{axis} {place}" for axis, place in places.items())
        return replace(self, title=f"{self.title}: {said}", arrays=arrays, picture=None)

    def to_json(self) -> dict[str, Any]:
        """Return the whole trace as plain JSON values, arrays as base64."""
        return {
            "title": self.title,
            "arrays": {name: array.to_json() for name, array in self.arrays.items()},
            "tables": {name: table.to_json() for name, table in self.tables.items()},
            "steps": [step.to_json() for step in self.steps],
            "labels": {axis: list(names) for axis, names in self.labels.items()},
            "facts": dict(self.facts),
        }

    def __rich__(self) -> Any:
        """Render for a terminal."""
        from cutaway.core.render import to_rich

        return to_rich(self)

    def _repr_html_(self) -> str:
        """Render for a notebook."""
        from cutaway.core.notebook import to_html

        return to_html(self)


class Recorder:
    """Writes a `Trace` while a computation runs.

    Values may be NumPy arrays, Python numbers, or anything with `detach().cpu().numpy()` (a torch
    tensor, which this module must not import).

    Example:
        >>> rec = Recorder("a mean")
        >>> x = rec.keep("x", np.array([1.0, 3.0]), axes=("i",), formula="given")
        >>> mean = rec.keep("mean", x.mean(), axes=(), formula="mean = Σ x / n", inputs=("x",))
        >>> float(rec.finish()["mean"])
        2.0
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._arrays: dict[str, NamedArray] = {}
        self._rows: dict[str, tuple[tuple[str, ...], list[NDArray[Any]]]] = {}
        self._tables: dict[str, Table] = {}
        self._steps: dict[str, Step] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self._facts: dict[str, Cell] = {}
        self._picture: Callable[[Trace], str] | None = None

    def keep(
        self, name: str, value: Value, *, axes: Sequence[str], formula: str, inputs: Sequence[str] = ()
    ) -> Value:
        """Record `value` as the array `name` and hand it back unchanged."""
        self._arrays[name] = _named(name, axes, _to_numpy(value))
        self._add_step(name, formula, inputs, sys._getframe(1))
        return value

    def keep_row(
        self, name: str, value: Value, *, axes: Sequence[str], formula: str, inputs: Sequence[str] = ()
    ) -> Value:
        """Record `value` as the next row of the array `name`: for a loop over `axes[0]`."""
        rows = self._rows.setdefault(name, (tuple(axes), []))[1]
        rows.append(_to_numpy(value))
        if name not in self._steps:
            self._add_step(name, formula, inputs, sys._getframe(1))
        return value

    def table(
        self,
        name: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        *,
        formula: str,
        inputs: Sequence[str] = (),
    ) -> None:
        """Record rows of plain values."""
        self._tables[name] = Table(name=name, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))
        self._add_step(name, formula, inputs, sys._getframe(1))

    def include(self, inner: Trace) -> None:
        """Take over everything that another trace recorded; its title is dropped."""
        self._arrays.update(inner.arrays)
        self._tables.update(inner.tables)
        self._steps.update({step.output: step for step in inner.steps})
        self._labels.update(inner.labels)
        self._facts.update(inner.facts)

    def label(self, axis: str, names: Iterable[str]) -> None:
        """Name each position along `axis`."""
        self._labels[axis] = tuple(names)

    def fact(self, name: str, value: Cell) -> None:
        """Record a single value that is not an array."""
        self._facts[name] = value

    def draw(self, picture: Callable[[Trace], str]) -> None:
        """Name what draws the finished trace."""
        self._picture = picture

    def finish(self) -> Trace:
        """Return the trace; rows kept one by one become arrays."""
        for name, (axes, rows) in self._rows.items():
            self._arrays[name] = _named(name, axes, np.stack(rows))
        return Trace(
            title=self._title,
            arrays=dict(self._arrays),
            tables=dict(self._tables),
            steps=tuple(self._steps.values()),
            labels=dict(self._labels),
            facts=dict(self._facts),
            picture=self._picture,
        )

    def _add_step(self, output: str, formula: str, inputs: Sequence[str], frame: FrameType) -> None:
        self._steps[output] = Step(
            output=output, formula=formula, inputs=tuple(inputs), source=_source(frame)
        )


def _source(frame: FrameType) -> Source:
    code = frame.f_code
    path = Path(code.co_filename)
    file = path.relative_to(PACKAGE.parent).as_posix() if path.is_relative_to(PACKAGE) else path.name
    return Source(file=file, symbol=code.co_qualname, line=frame.f_lineno)


def _cut(array: NamedArray, places: Mapping[str, int]) -> NamedArray:
    """Take one place of each axis that is named."""
    for axis, size in zip(array.axes, array.values.shape, strict=True):
        if axis in places and not -size <= places[axis] < size:
            raise ShapeError(f"array {array.name!r} has {size} places on {axis!r}, not {places[axis]}")
    index = tuple(places.get(axis, slice(None)) for axis in array.axes)
    axes = tuple(axis for axis in array.axes if axis not in places)
    return NamedArray(name=array.name, axes=axes, values=array.values[index])


def _named(name: str, axes: Sequence[str], values: NDArray[Any]) -> NamedArray:
    if values.ndim != len(axes):
        raise ShapeError(f"array {name!r} has shape {values.shape} but {len(axes)} axis names: {list(axes)}")
    return NamedArray(name=name, axes=tuple(axes), values=values)


def _to_numpy(value: Any) -> NDArray[Any]:
    """Copy, so that what a trace holds no longer changes, and forbid writing."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) in ("torch.bfloat16", "torch.float16"):
            value = value.float()
        value = value.numpy()
    frozen = np.array(value)
    frozen.flags.writeable = False
    return frozen
