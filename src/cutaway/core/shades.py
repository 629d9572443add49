"""From a value to a fill: the two scales of every picture, in both color schemes."""

from __future__ import annotations

SHADES = 60  # both scales pass through their stops at whole shades

Color = tuple[float, float, float]

SCALES = {
    "signed": (
        ("#b34700", "#f0a35e", "#f5f4f1", "#6aa9e0", "#0b5cad"),
        ("#ffb066", "#a85a1c", "#23262d", "#2f6fae", "#8cc8ff"),
    ),
    "unsigned": (
        ("#f5f4f1", "#9fd3c7", "#2f8f9d", "#1b3a6b"),
        ("#1c1f26", "#1f4f6b", "#2f9c95", "#e8f2b0"),
    ),
}


def fill_class(scale: str, value: float) -> str:
    """Return the class that fills a cell: signed from −1 to 1, unsigned from 0 to 1, in 61 shades.

    Args:
        scale: "signed" or "unsigned".
        value: what is drawn; beyond the ends it is drawn as they are.

    Example:
        >>> fill_class("signed", 0.0), fill_class("unsigned", 0.5), fill_class("unsigned", 7)
        ('s30', 'u30', 'u60')
    """
    part = (value + 1) / 2 if scale == "signed" else value
    return f"{scale[0]}{round(min(max(part, 0.0), 1.0) * SHADES)}"


def fill_rule(scale: str, level: int) -> str:
    """Return the rule of CSS that fills a cell in both schemes, with ink that can be read on it.

    Args:
        scale: "signed" or "unsigned".
        level: the shade, from 0 to 60.
    """
    light, dark = (_between(stops, level / SHADES) for stops in SCALES[scale])
    return (
        f".{scale[0]}{level}{{background:light-dark({_hex(light)},{_hex(dark)});"
        f"color:light-dark({_ink_on(light)},{_ink_on(dark)})}}"
    )


def _between(stops: tuple[str, ...], part: float) -> Color:
    at = min(int(part * (len(stops) - 1)), len(stops) - 2)
    rest = part * (len(stops) - 1) - at
    low, high = _channels(stops[at]), _channels(stops[at + 1])
    return (
        low[0] + rest * (high[0] - low[0]),
        low[1] + rest * (high[1] - low[1]),
        low[2] + rest * (high[2] - low[2]),
    )


def _channels(color: str) -> Color:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _hex(color: Color) -> str:
    return "#" + "".join(f"{round(channel):02x}" for channel in color)


def _ink_on(color: Color) -> str:
    """Black or white, whichever contrasts more, by WCAG's relative luminance."""
    r, g, b = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in color)
    )
    luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return "#000" if (luminance + 0.05) ** 2 >= 1.05 * 0.05 else "#fff"
