"""A bar chart as an SVG file: one bar a tokenizer, its number behind it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from cutaway.core.files import write_text
from cutaway.core.render import number

_ROW, _TOP, _LEFT, _LENGTH, _RIGHT = 30, 46, 190, 380, 90


def write_bars(path: Path, title: str, values: Mapping[str, float]) -> None:
    """Write bars that begin at zero; the file is whole or absent.

    Args:
        path: the SVG file.
        title: what the bars say, with its unit.
        values: by label, none negative.

    Raises:
        ResourceError: the disk is full or the folder cannot be written.
    """
    most = max(values.values(), default=0.0) or 1.0
    width, height = _LEFT + _LENGTH + _RIGHT, _TOP + _ROW * len(values) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="system-ui, sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        "<style>text{fill:#222}rect{fill:#2a6f97}"
        "@media (prefers-color-scheme:dark){text{fill:#eee}rect{fill:#61a5c2}}</style>",
        f'<text x="12" y="26" font-weight="600">{escape(title)}</text>',
    ]
    for at, (label, value) in enumerate(values.items()):
        top = _TOP + _ROW * at
        parts += [
            f'<text x="{_LEFT - 10}" y="{top + 17}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{_LENGTH * value / most:.1f}" height="22" rx="2"/>',
            f'<text x="{_LEFT + _LENGTH * value / most + 8:.1f}" y="{top + 17}">{number(value)}</text>',
        ]
    write_text(path, "\n".join([*parts, "</svg>\n"]))
