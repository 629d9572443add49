"""A training step as a picture: each input in the middle of its outputs, which pull it or push it away."""

from __future__ import annotations

import math
from html import escape

from cutaway.core.render import number
from cutaway.core.trace import Trace

SIZE = 220
RING = 84
LONGEST = 56


def tug_picture(trace: Trace) -> str:
    """Return the tug of war of one step as SVG, an input a drawing.

    Args:
        trace: from `trace_step`; arrows are as long as in its array `arrows`.
    """
    arrows, labels = trace["arrows"], trace["labels"]
    inputs, outputs = trace.labels["input"], trace.labels["output"]
    most = float(arrows.max()) or 1.0
    parts = []
    for row, name in enumerate(inputs):
        ropes = [
            _rope(at / len(outputs), float(arrows[row, at]) / most, labels[at] == 1)
            + _name(at / len(outputs), f"{output} {number(arrows[row, at])}")
            for at, output in enumerate(outputs)
        ]
        middle = f'<circle cx="{SIZE / 2:g}" cy="{SIZE / 2:g}" r="3"/>'
        called = _text(SIZE / 2, SIZE / 2 - 8, name)
        parts.append(
            f'<g transform="translate({row * (SIZE + 60) + 40} 0)">{"".join(ropes)}{middle}{called}</g>'
        )
    width = len(inputs) * (SIZE + 60) + 40
    said = "solid arrows pull, dashed ones push; as long as rate · w · |p − y| · ‖u‖"
    size = f'width="{width}" height="{SIZE + 16}"'
    return f'<svg {size} role="img" aria-label="tug of war">{"".join(parts)}</svg><small>{said}</small>'


def _rope(turn: float, share: float, is_true: bool) -> str:
    """Draw the way to one output, and its arrow: outwards if it pulls, from the other side if it pushes."""
    angle = 2 * math.pi * turn - math.pi / 2
    sign = 1 if is_true else -1
    near, far = (sign * (14 + length) for length in (0.0, share * LONGEST))
    dx, dy = math.cos(angle), math.sin(angle)
    rope = _line("rope", (0.0, 0.0), (dx * RING, dy * RING))
    if share * LONGEST < 0.5:
        return rope
    kind = "pull" if is_true else "push"
    tip = (dx * far, dy * far)
    turned = f"rotate({math.degrees(angle) + (0 if is_true else 180):.1f})"
    place = f"translate({SIZE / 2 + tip[0]:.1f} {SIZE / 2 + tip[1]:.1f}) {turned}"
    head = f'<path class="{kind}" d="M-7 -4 0 0 -7 4" transform="{place}"/>'
    return rope + _line(kind, (dx * near, dy * near), tip) + head


def _line(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw a line between two places, counted from the middle."""
    (x1, y1), (x2, y2) = ((SIZE / 2 + x, SIZE / 2 + y) for x, y in (begin, end))
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _name(turn: float, text: str) -> str:
    angle = 2 * math.pi * turn - math.pi / 2
    return _text(SIZE / 2 + math.cos(angle) * RING, SIZE / 2 + math.sin(angle) * (RING + 8) + 4, text)


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'
