"""Line charts as SVG: a row of panels on one logarithmic scale, every line named where it ends.

The file needs no script and no font of its own, follows the reader's light or dark mode, and can be
read as text: each line is a `polyline` with a `title`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cutaway.core.errors import UsageError

PANEL, GAP, LEFT, TOP, HEIGHT, FOOT = 176, 44, 62, 84, 260, 52
LABEL_GAP = 13
# From the lab's unsigned scale, light and dark; dashes tell lines apart without hue.
LIGHT = ("#5fae9f", "#2f8f9d", "#2a7390", "#26588a", "#1b3a6b")
DARK = ("#3f83a8", "#2f9c95", "#5fb8a0", "#a5d6a8", "#e8f2b0")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "5 5", "1 4", "12 4", "3 2")


@dataclass(frozen=True, kw_only=True)
class Line:
    """Values at 0, 1, 2, … of the horizontal axis.

    Attributes:
        label: stands where the line ends.
        values: each above 0.
        style: which color and dash; equal ones in all panels for what is equal.
    """

    label: str
    values: Sequence[float]
    style: int = 0


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A titled frame with some lines."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """What is drawn.

    Attributes:
        title: one sentence: what there is to see.
        panels: from left to right.
        across: the name of the horizontal axis.
        up: the name of the vertical axis, logarithmic.
        floor: values below are drawn on the floor, whose label says so.

    Raises:
        UsageError: there is nothing to draw.
    """

    title: str
    panels: Sequence[Panel]
    across: str
    up: str
    floor: float = 1e-12

    def __post_init__(self) -> None:
        if not any(len(line.values) > 1 for panel in self.panels for line in panel.lines):
            raise UsageError("a chart needs at least one line of two points")

    def to_svg(self) -> str:
        """Return the chart as one SVG document."""
        width = LEFT + len(self.panels) * (PANEL + GAP) + 8
        height = TOP + HEIGHT + FOOT
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="{escape(self.title)}" width="{width}" height="{height}">',
            f"<title>{escape(self.title)}</title>",
            f"<style>{_style()}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            _text("head", LEFT, 28, self.title),
            _text("axis", LEFT, height - 12, self.across),
            _text("axis", LEFT, 48, self.up),
        ]
        for at, panel in enumerate(self.panels):
            parts += self._panel(panel, LEFT + at * (PANEL + GAP), named=at == 0)
        return "\n".join([*parts, "</svg>", ""])

    def _panel(self, panel: Panel, left: float, *, named: bool) -> list[str]:
        """Draw one frame; the first one also names the powers of ten."""
        parts = [_text("panel", left, TOP - 8, panel.title), *self._grid(left, named=named)]
        last = max(len(line.values) for line in panel.lines) - 1
        for value in _ticks(last):
            parts.append(_text("under", left + PANEL * value / last, TOP + HEIGHT + 18, str(value)))
        for line, place in zip(panel.lines, self._places(panel.lines), strict=True):
            points = " ".join(
                f"{left + PANEL * at / last:.1f},{self._y(value):.1f}" for at, value in enumerate(line.values)
            )
            color, dash = line.style % len(LIGHT), DASHES[line.style % len(DASHES)]
            parts.append(
                f'<polyline class="line s{color}" stroke-dasharray="{dash}" points="{points}">'
                f"<title>{escape(f'{panel.title}, {line.label}')}</title></polyline>"
            )
            parts.append(_text("label", left + PANEL + 4, place, line.label))
        return parts

    def _grid(self, left: float, *, named: bool) -> list[str]:
        """Draw a line at each power of ten that is shown."""
        parts = []
        for power in self._powers():
            y = self._y(10.0**power)
            parts.append(f'<line class="grid" x1="{left}" x2="{left + PANEL}" y1="{y:.1f}" y2="{y:.1f}"/>')
            if named:
                sign = "≤ " if 10.0**power <= self.floor and self._clips() else ""
                parts.append(_text("tick", left - 8, y + 4, sign + _power(power)))
        return parts

    def _places(self, lines: Sequence[Line]) -> list[float]:
        """Where each label stands: at its line's end, pushed apart where they would touch."""
        places = [self._y(line.values[-1]) + 4 for line in lines]
        downward = sorted(range(len(lines)), key=lambda at: places[at])
        above, below = -math.inf, TOP + HEIGHT + 4.0
        for at in downward:
            above = places[at] = max(places[at], above + LABEL_GAP)
        for at in reversed(downward):
            places[at] = min(places[at], below)
            below = places[at] - LABEL_GAP
        return places

    def _powers(self) -> list[int]:
        low, high = self._range()
        step = max(1, math.ceil((high - low) / 8))
        return list(range(low, high + 1, step))

    def _range(self) -> tuple[int, int]:
        values = [max(v, self.floor) for panel in self.panels for line in panel.lines for v in line.values]
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return low, max(high, low + 1)

    def _clips(self) -> bool:
        return any(v < self.floor for panel in self.panels for line in panel.lines for v in line.values)

    def _y(self, value: float) -> float:
        low, high = self._range()
        return TOP + HEIGHT * (high - math.log10(max(value, self.floor))) / (high - low)


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _style() -> str:
    """Colors of paper, ink and lines for light and for dark readers."""
    return (
        "text { font: 12px system-ui, sans-serif; fill: #16181d } "
        ".head { font-weight: 600; font-size: 15px } .panel { font-weight: 600 } "
        ".tick { text-anchor: end } .under { text-anchor: middle } .line { fill: none; stroke-width: 2 } "
        f".paper {{ fill: #fbfaf8 }} .grid {{ stroke: #16181d; opacity: .14 }} {_colors(LIGHT)}"
        "@media (prefers-color-scheme: dark) { text { fill: #e9e7e2 } .paper { fill: #16181d } "
        f".grid {{ stroke: #e9e7e2 }} {_colors(DARK)}}}"
    )


def _colors(colors: Sequence[str]) -> str:
    return "".join(f".s{at} {{ stroke: {color} }} " for at, color in enumerate(colors))


def _power(power: int) -> str:
    digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "1" if power == 0 else f"10{digits}"


def _ticks(last: int) -> list[int]:
    """Zero, the end, and round numbers between."""
    step = next((step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500) if last / step <= 4), last)
    return [*range(0, last - step // 2, step), last]
