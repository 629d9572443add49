"""Measured gradients as a chart, a page, and lines of characters."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from cutaway.core.render import number
from cutaway.core.trace import Trace
from cutaway.recurrent.gradients import NETWORKS
from cutaway.recurrent.line_chart import Line, LineChart, Panel

TITLE = "What is left of a gradient, steps back from the loss"
HOW_TO_READ = (
    "Each line is the length of ∂L/∂hₜ, for a loss L that reads only the last state along one direction. "
    "Its label is the spectral radius of the recurrent weights. A simple network multiplies by those "
    "weights at every step, so its gradient falls by about the same factor each time; a gated one passes "
    "most of it on through its open gate; attention reaches every step at once, whatever the distance."
)
PAGE_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/26px system-ui, sans-serif; margin: 24px; background: #fbfaf8; color: #16181d }
p { max-width: 44em }
td, th { text-align: right; padding: 2px 16px 2px 0; font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left }
@media (prefers-color-scheme: dark) { body { background: #16181d; color: #e9e7e2 } }
"""
BARS = "▁▂▃▄▅▆▇█"
FLOOR = 1e-12


def lines_of(trace: Trace) -> list[tuple[str, str, NDArray[np.float64]]]:
    """Return every line of a measurement: network, label of the radius, lengths by distance.

    Args:
        trace: from `measure_gradients`.
    """
    found = []
    for network in NETWORKS:
        values = trace[network]
        labels = ("any",) if values.ndim == 1 else trace.labels["radius"]
        rows = values.reshape(-1, values.shape[-1])
        found += [(network, label, row) for label, row in zip(labels, rows, strict=True)]
    return found


def chart_of(trace: Trace) -> LineChart:
    """Return a measurement as a chart: one panel a network, one line a radius.

    Args:
        trace: from `measure_gradients`.
    """
    lines = lines_of(trace)
    panels = []
    for network in NETWORKS:
        own = [(label, row) for name, label, row in lines if name == network]
        drawn = [Line(label=label, values=row.tolist(), style=at) for at, (label, row) in enumerate(own)]
        panels.append(Panel(title=network, lines=drawn))
    return LineChart(
        title=TITLE,
        panels=panels,
        across="steps back from the loss; each line is named by the spectral radius of the recurrent weights",
        up="‖∂L/∂hₜ‖, of the cell ‖∂L/∂cₜ‖, of attention ‖∂L/∂sₜ‖; logarithmic",
        floor=FLOOR,
    )


def page_of(trace: Trace) -> str:
    """Return a measurement as an HTML page of its own: the chart, how to read it, and its numbers.

    Args:
        trace: from `measure_gradients`.
    """
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(cell))}</td>' for cell in row)}</tr>"
        for row in trace.table("fading").rows
    )
    head = "".join(f"<th>{escape(column)}</th>" for column in trace.table("fading").columns)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{PAGE_STYLE}</style></head>\n"
        f"<body>{chart_of(trace).to_svg()}<p>{HOW_TO_READ}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )


def bars(values: NDArray[np.float64], width: int = 20) -> str:
    """Draw a line in characters: full height is 1 or more, the lowest 10⁻¹² or less, logarithmic.

    Args:
        values: lengths by distance.
        width: characters, at most.

    Example:
        >>> bars(np.array([1.0, 1e-4, 1e-8, 1e-12]))
        '█▆▃▁'
    """
    at = np.linspace(0, len(values) - 1, num=min(width, len(values))).round().astype(int)
    heights = 1 - np.log10(np.clip(values[at], FLOOR, 1)) / np.log10(FLOOR)
    return "".join(BARS[round(float(height) * (len(BARS) - 1))] for height in heights)


def _cell(cell: object) -> str:
    return "any" if cell is None else cell if isinstance(cell, str) else number(cell)
