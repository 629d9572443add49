"""A trace for people at a terminal: a `rich` renderable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cutaway.core.trace import NamedArray, Table, Trace

SHOWN_ROWS = 12
SHOWN_CELLS = 8


def number(value: Any) -> str:
    """Return three significant digits with a true minus, as every figure shows them.

    Example:
        >>> number(-0.123456), number(0.84), number(7), number(1234.5), number(100.0)
        ('−0.123', '0.840', '7', '1.23e+03', '100')
    """
    if isinstance(value, (bool, np.bool_)) or value is None:
        return str(value)
    whole = isinstance(value, (int, np.integer))
    text = str(int(value)) if whole else f"{float(value):#.3g}".removesuffix(".")
    return text.replace("-", "−", 1) if text.startswith("-") else text


def to_rich(trace: Trace) -> Any:
    """Return the trace as a rich group: facts, then each table and array with its formula."""
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    parts: list[Any] = [Text(trace.title, style="bold")]
    parts += [Text(f"{name}: {_cell(value)}") for name, value in trace.facts.items()]
    for step in trace.steps:
        parts.append(Text(f"\n{step.formula}   {step.source.file}:{step.source.line}", style="dim"))
        columns, rows = _grid(trace, step.output)
        grid = RichTable(box=None, pad_edge=False)
        for column in columns:
            grid.add_column(Text(column))
        for row in rows:
            grid.add_row(*[Text(cell) for cell in row])
        parts.append(grid)
    return Group(*parts)


def _grid(trace: Trace, output: str) -> tuple[list[str], list[list[str]]]:
    if output in trace.tables:
        return _table_grid(trace.tables[output])
    return _array_grid(trace, trace.arrays[output])


def _table_grid(table: Table) -> tuple[list[str], list[list[str]]]:
    rows = [[_cell(value) for value in row] for row in table.rows[:SHOWN_ROWS]]
    if len(table.rows) > SHOWN_ROWS:
        rows.append([f"… {len(table.rows) - SHOWN_ROWS} more"] + [""] * (len(table.columns) - 1))
    return list(table.columns), rows


def _array_grid(trace: Trace, array: NamedArray) -> tuple[list[str], list[list[str]]]:
    """Flatten all but the last axis into rows; label positions where the trace has labels."""
    values = array.values
    shape = " × ".join(f"{axis} {size}" for axis, size in zip(array.axes, values.shape, strict=True))
    flat = values.reshape(1, -1) if values.ndim < 2 else values.reshape(-1, values.shape[-1])
    labels = trace.labels.get(array.axes[0], ()) if values.ndim == 2 else ()
    rows = []
    for at, row in enumerate(flat[:SHOWN_ROWS]):
        cells = [number(value) for value in row[:SHOWN_CELLS]] + (["…"] if row.size > SHOWN_CELLS else [])
        rows.append([labels[at] if at < len(labels) else array.name, "  ".join(cells)])
    if len(flat) > SHOWN_ROWS:
        rows.append([f"… {len(flat) - SHOWN_ROWS} more rows", ""])
    return [array.name, shape], rows


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value)
