"""How the tour's page looks: the lab's colors and measures, as one style sheet."""

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

BASE = """
:root{color-scheme:light dark;--paper:light-dark(#fbfaf8,#16181d);--ink:light-dark(#16181d,#e9e7e2);
--soft:light-dark(#565a63,#a9a79f);--line:light-dark(#d9d6cf,#353942);
--sans:"IBM Plex Sans",system-ui,sans-serif;--mono:"IBM Plex Mono",ui-monospace,monospace}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/26px var(--sans);
font-variant-numeric:tabular-nums}
main{max-width:1200px;margin:0 auto;padding:24px}
h1{margin:8px 0 16px;font-size:28px;line-height:40px;font-weight:600;
white-space:pre-wrap;overflow-wrap:anywhere}
h2{margin:0;font-size:24px;line-height:32px}
h2 b{display:inline-grid;place-items:center;width:32px;height:32px;margin-right:8px;border:1.5px solid;
border-radius:50%;font:14px var(--mono)}
h3{margin:0 0 8px;font-size:14px;line-height:20px}
h4{margin:8px 0 0;font-size:13px;line-height:20px}
p{margin:0 0 12px}
small{color:var(--soft);font:12px/16px var(--mono)}
.soft{color:var(--soft)}
.mono,.near small{font-family:var(--mono)}
.note{padding-left:12px;border-left:4px solid var(--line);font-size:14px}
section{display:grid;grid-template-columns:260px minmax(0,1fr);gap:24px;padding:32px 0;
border-top:1px solid var(--line)}
.about p{font-size:15px;line-height:24px}
.figure>*{margin-bottom:20px}
.figure>h3{margin-bottom:8px}
.wide{overflow-x:auto;padding:3px}
.chips,.tries{display:flex;flex-wrap:wrap;gap:6px;margin:0 0 20px;padding:3px;list-style:none}
.chip{display:grid;min-width:44px;padding:2px 8px;border:1px solid var(--line);border-radius:2px;
font-size:14px;line-height:22px;overflow-wrap:anywhere}
.try{padding:0 6px;border:1px dashed var(--soft);border-radius:2px;color:var(--soft);
font:12px/22px var(--mono)}
.found{border:1px solid var(--ink);background:var(--ink);color:var(--paper)}
.near{width:100%;border-collapse:collapse;font-size:14px;line-height:20px}
.near th,.near td{padding:8px 12px 8px 4px;border-top:1px solid var(--line);text-align:start}
.map{border-spacing:2px;font:12px/16px var(--mono)}
.map th{padding:0 4px;color:var(--soft);font-weight:400;text-align:end;white-space:nowrap}
.map tr:first-child th{text-align:center}
.map tr+tr td{min-width:52px;height:28px;text-align:center}
.fixed{table-layout:fixed;border-spacing:0}
.fixed td,.fixed th{width:72px;overflow:hidden;text-overflow:ellipsis}
.fixed tr>:first-child{width:80px}
.fixed tr+tr td{border:1px solid var(--paper)}
.small tr+tr td{min-width:20px;width:20px;height:20px}
.small tr:first-child th{max-width:20px;height:84px;padding:2px;text-align:start;writing-mode:sideways-lr;
overflow:hidden}
.heads{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:20px}
.tiny .small tr+tr td{min-width:14px;width:14px;height:14px;padding:0;line-height:12px}
.tiny .small tr:first-child th{max-width:14px;padding:2px 0;line-height:14px}
.tiny .map tr+tr th{line-height:14px}
.one{grid-template-columns:minmax(0,1fr)}
figure{margin:0;min-width:0}
figcaption{font-size:14px;line-height:24px}
svg{display:block}
svg text{fill:var(--ink);font:12px var(--mono)}
svg line{stroke:var(--line)}
svg rect{fill:light-dark(#1b3a6b,#e8f2b0)}
svg .rail{fill:var(--line)}
polyline{fill:none;stroke:var(--ink);stroke-width:1.5}
circle{fill:var(--paper);stroke:var(--ink);stroke-width:1.5}
.legend{display:flex;gap:8px;align-items:center;font:12px/16px var(--mono)}
.legend span{display:flex;border:1px solid var(--line)}
.legend i{width:3px;height:9px}
.answer{font-size:40px;line-height:48px;font-weight:600}
.steps{display:grid;gap:2px;margin:0;padding:8px 12px;border-left:2px solid var(--line);list-style:none;
font:12px/20px var(--mono)}
.steps li{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 24px}
.steps code{font:inherit;overflow-wrap:anywhere}
.w{border-radius:2px}
footer{padding:24px 0;border-top:1px solid var(--line);font-size:13px}
@media(max-width:860px){main{padding:16px}section{grid-template-columns:minmax(0,1fr)}}
"""


def style(words: int) -> str:
    """Return the style sheet of a page on a sentence of so many words.

    Args:
        words: how many words are linked by pointing at one.
    """
    fills = [_fill_rule(scale, level) for scale in SCALES for level in range(SHADES + 1)]
    links = [
        f"main:has(.w{at}:hover,.w{at}:focus) .w{at}:not(circle){{outline:2px dashed var(--ink)}}"
        f"main:has(.w{at}:hover,.w{at}:focus) circle.w{at}{{fill:var(--ink)}}"
        for at in range(words)
    ]
    return BASE + "\n".join(fills + links)


def fill_class(scale: str, value: float) -> str:
    """Return the class that fills a cell: signed from −1 to 1, unsigned from 0 to 1, in 61 shades.

    Example:
        >>> fill_class("signed", 0.0), fill_class("unsigned", 0.5), fill_class("unsigned", 7)
        ('s30', 'u30', 'u60')
    """
    part = (value + 1) / 2 if scale == "signed" else value
    return f"{scale[0]}{round(min(max(part, 0.0), 1.0) * SHADES)}"


def _fill_rule(scale: str, level: int) -> str:
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
