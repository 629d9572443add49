"""A trace for notebooks: one piece of HTML that stands by itself, in light and dark, in Jupyter and marimo.

Two-dimensional arrays are heat maps on the lab's scales, rows with labels where the trace has them; an array
with more axes shows the first place of each, and `Trace.at` goes to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from cutaway.core.atlas import atlas_of
from cutaway.core.notebook_style import BASE
from cutaway.core.render import number
from cutaway.core.shades import SHADES, fill_class, fill_rule

if TYPE_CHECKING:
    from cutaway.core.trace import NamedArray, Table, Trace

SHOWN_ROWS = 24
SHOWN_COLUMNS = 32
NUMBERED = 10  # columns, up to which a cell has room for its number
OPEN = 8  # steps, up to which all of them are shown at once


def to_html(trace: Trace) -> str:
    """Return the trace as HTML that loads nothing and runs nothing; every text in it is escaped.

    Args:
        trace: what is shown: its picture if its room draws one, then every step with its formula, its line
            and its numbers.
    """
    parts = [f"<h4>{escape(trace.title)}</h4>", _facts(trace)]
    drawn = trace.picture(trace) if trace.picture else ""
    if drawn:
        parts.append(f"<figure>{drawn}</figure>")
    last = len(trace.steps) - 1
    for at, step in enumerate(trace.steps):
        shown = not drawn and (last < OPEN or at >= last - 1 or _is_labelled(trace, step.output))
        where = f"{step.source.file}:{step.source.line} {step.source.symbol}"
        parts.append(
            f"<details{' open' if shown else ''}><summary><code>{escape(step.formula)}</code> "
            f"<small>{escape(step.output)} · {escape(where)}</small></summary>"
        )
        parts.append(_grid(trace, step.output) + "</details>")
    body = "\n".join(parts)
    used = [
        fill_rule(scale, level)
        for scale in ("signed", "unsigned")
        for level in range(SHADES + 1)
        if f'"{scale[0]}{level}"' in body
    ]
    style = BASE + "".join(f".cutaway {rule}" for rule in used)
    return f'<div class="cutaway"><style>{style}</style>{body}</div>'


def _is_labelled(trace: Trace, output: str) -> bool:
    """Whether the rows and columns of an array have names: such maps can be read at once."""
    axes = trace.arrays[output].axes[-2:] if output in trace.arrays else ()
    return len(axes) == 2 and all(axis in trace.labels for axis in axes)


def _facts(trace: Trace) -> str:
    rows = [f"<dt>{escape(name)}</dt><dd>{escape(_cell(value))}</dd>" for name, value in trace.facts.items()]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def _grid(trace: Trace, output: str) -> str:
    if output in trace.tables:
        return _table(trace.tables[output])
    array = trace.arrays[output]
    if array.values.ndim == 0:
        return f"<p>{escape(array.name)} = {number(array.values[()])}</p>"
    return _map(trace, array)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = [
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
        for row in table.rows[:SHOWN_ROWS]
    ]
    left = len(table.rows) - SHOWN_ROWS
    more = f"<p><small>{left} more rows: trace.table({escape(repr(table.name))}).rows</small></p>"
    return f'<table class="rows"><tr>{head}</tr>{"".join(rows)}</table>{more if left > 0 else ""}'


def _map(trace: Trace, array: NamedArray) -> str:
    """Draw the last two axes; of the ones before them the first place."""
    values, axes = array.values, array.axes
    before = axes[:-2]
    flat = values[(0,) * len(before)] if before else values
    rows = flat.reshape(1, -1) if flat.ndim == 1 else flat
    numeric = values.dtype.kind in "fiub" and values.size > 0
    scale, limit = _scale(flat) if numeric else ("unsigned", 1.0)
    row_labels = _labels(trace, axes[-2] if values.ndim > 1 else "", len(rows))
    column_labels = _labels(trace, axes[-1], rows.shape[1])
    lines = [_head(column_labels)] if any(column_labels) else []
    for label, row in zip(row_labels[:SHOWN_ROWS], rows[:SHOWN_ROWS], strict=False):
        cells = [_filled(value, scale, limit, rows.shape[1]) for value in row[:SHOWN_COLUMNS]]
        lines.append(f"<tr><th>{escape(label)}</th>{''.join(cells)}</tr>")
    table = f'<div class="wide"><table class="map">{"".join(lines)}</table></div>'
    return table + _below(array, scale, limit) + (atlas_of(array) if before else "")


def _filled(value: Any, scale: str, limit: float, columns: int) -> str:
    shown = number(value)
    fill = fill_class(scale, float(value) / limit) if np.isfinite(value) else ""
    inner = shown if columns <= NUMBERED else ""
    return f'<td class="{fill}" title="{shown}">{inner}</td>'


def _head(labels: Sequence[str]) -> str:
    cells = "".join(f"<th><span>{escape(label)}</span></th>" for label in labels[:SHOWN_COLUMNS])
    upright = ' class="upright"' if len(labels) > NUMBERED else ""
    return f"<tr{upright}><th></th>{cells}</tr>"


def _below(array: NamedArray, scale: str, limit: float) -> str:
    """Say what the fills mean, what the axes are, and what is not drawn."""
    values, axes = array.values, array.axes
    shape = " × ".join(f"{size} {axis}" for axis, size in zip(axes, values.shape, strict=True))
    ends = (-limit if scale == "signed" else 0.0, limit)
    levels = range(0, SHADES + 1, 4)
    strip = "".join(f'<i class="{scale[0]}{level}"></i>' for level in levels)
    said = [f"{escape(array.name)}: {escape(shape)}"]
    before = axes[:-2]
    if before:
        place = ", ".join(f"{axis} 0" for axis in before)
        ask = ", ".join(f"{axis}=…" for axis in before)
        said.append(f"drawn: {escape(place)}; another: trace.at({escape(ask)})")
    if values.shape[-1] > SHOWN_COLUMNS or (values.ndim > 1 and values.shape[-2] > SHOWN_ROWS):
        said.append(f"the first {SHOWN_ROWS} × {SHOWN_COLUMNS} of them")
    return (
        f"<p><small>{number(ends[0])} <span>{strip}</span> {number(ends[1])} · {' · '.join(said)}</small></p>"
    )


def _scale(values: np.ndarray[Any, Any]) -> tuple[str, float]:
    """Symmetric about zero where anything is negative; from 0 to 1 for shares; else from 0 to the largest."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    most = float(np.abs(finite.astype(np.float64)).max()) if finite.size else 1.0
    if finite.size and float(finite.min()) < 0:
        return "signed", most or 1.0
    return "unsigned", 1.0 if most <= 1 else most


def _labels(trace: Trace, axis: str, size: int) -> list[str]:
    given = list(trace.labels.get(axis, ()))[:size]
    return given + [""] * (size - len(given))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value)
