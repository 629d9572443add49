"""A small plot as inline SVG: axes with round numbers, lines, dots, bars; colors come from the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

LEFT, RIGHT, TOP, FOOT = 52, 12, 26, 34
# More points than this are not told apart on the width of a plot.
MOST_POINTS = 1200


@dataclass(kw_only=True)
class Plot:
    """Two axes and what is drawn between them.

    Attributes:
        title: what there is to see, for those who cannot.
        x, y: each axis' ends.
        x_name, y_name: what stands at the axes.
        width, height: of the whole, pixels.
    """

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str
    width: int = 560
    height: int = 240
    _drawn: list[str] = field(default_factory=list)

    def line(self, points: Iterable[tuple[float, float]], kind: str, title: str) -> None:
        """Draw a line.

        Args:
            points: from left to right.
            kind: its class in the style sheet.
            title: shown to those who point at it.
        """
        told = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in thinned(list(points)))
        drawn = f'<polyline class="{kind}" points="{told}"><title>{escape(title)}</title></polyline>'
        self._drawn.append(drawn)

    def dot(self, x: float, y: float, kind: str, title: str) -> None:
        """Draw a dot.

        Args:
            x: where.
            y: where.
            kind: its class.
            title: shown to those who point at it.
        """
        told = f'<circle class="{kind}" cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="4">'
        self._drawn.append(f"{told}<title>{escape(title)}</title></circle>")

    def bar(self, ends: tuple[float, float], y: float, kind: str, title: str) -> None:
        """Draw a bar from the floor.

        Args:
            ends: its left and right.
            y: its height.
            kind: its class.
            title: shown to those who point at it.
        """
        left, right, top = self._x(ends[0]), self._x(ends[1]), self._y(y)
        self._drawn.append(
            f'<rect class="{kind}" x="{left + 1:.1f}" y="{top:.1f}" width="{max(0, right - left - 2):.1f}" '
            f'height="{max(0, self._y(self.y[0]) - top):.1f}"><title>{escape(title)}</title></rect>'
        )

    def note(self, x: float, text: str) -> None:
        """Draw an upright line with a word at its top.

        Args:
            x: where.
            text: beside it.
        """
        at = self._x(x)
        bottom = self._y(self.y[0])
        anchor = "end" if at > self.width * 0.7 else "start"
        shift = -4 if anchor == "end" else 4
        self._drawn.append(
            f'<line class="note" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{bottom:.1f}"/>'
            f'<text x="{at + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def svg(self) -> str:
        """Return the plot."""
        parts = [
            f'<svg viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" '
            f'role="img" aria-label="{escape(self.title)}">'
        ]
        for value in ticks(*self.y):
            y = self._y(value)
            ends = f'x1="{LEFT}" x2="{self.width - RIGHT}"'
            parts.append(f'<line class="grid" {ends} y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        for value in ticks(*self.x):
            under = self.height - FOOT + 14
            parts.append(f'<text x="{self._x(value):.1f}" y="{under}" text-anchor="middle">{value:g}</text>')
        right, bottom = self.width - RIGHT, self.height - 4
        foot = f'<text x="{right}" y="{bottom}" text-anchor="end">{escape(self.x_name)}</text>'
        head = f'<text x="{LEFT}" y="14">{escape(self.y_name)}</text>'
        return "".join([*parts, *self._drawn, foot, head, "</svg>"])

    def _x(self, value: float) -> float:
        low, high = self.x
        return LEFT + (self.width - LEFT - RIGHT) * (value - low) / ((high - low) or 1)

    def _y(self, value: float) -> float:
        low, high = self.y
        inside = min(max(value, low), high)
        return TOP + (self.height - TOP - FOOT) * (high - inside) / ((high - low) or 1)


def ticks(low: float, high: float) -> list[float]:
    """Return up to seven round numbers in a range.

    Args:
        low: its beginning.
        high: its end.

    Example:
        >>> ticks(0, 0.9), ticks(0, 94)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.0, 20.0, 40.0, 60.0, 80.0])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    scale = 10.0 ** math.floor(math.log10(span / 5))
    step = next(nice * scale for nice in (1, 2, 5, 10) if span / (nice * scale) <= 6)
    first = math.ceil(low / step - 1e-9)
    return [round(step * at, 10) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that can be told apart, the first and the last among them.

    Args:
        points: of a line.
    """
    if len(points) <= MOST_POINTS:
        return list(points)
    last = len(points) - 1
    return [points[round(last * at / (MOST_POINTS - 1))] for at in range(MOST_POINTS)]
