"""How the tour's page looks: the lab's colors and measures, as one style sheet."""

from __future__ import annotations

from cutaway.core.shades import SCALES, SHADES, fill_rule

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
    fills = [fill_rule(scale, level) for scale in SCALES for level in range(SHADES + 1)]
    links = [
        f"main:has(.w{at}:hover,.w{at}:focus) .w{at}:not(circle){{outline:2px dashed var(--ink)}}"
        f"main:has(.w{at}:hover,.w{at}:focus) circle.w{at}{{fill:var(--ink)}}"
        for at in range(words)
    ]
    return BASE + "\n".join(fills + links)
