"""How a run's page looks: the lab's colors and measures, light or dark as the reader's system is."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark}
.run{--paper:light-dark(#fbfaf8,#16181d);--ink:light-dark(#16181d,#e9e7e2);--soft:light-dark(#565a63,#a9a79f);
--line:light-dark(#d9d6cf,#353942);--held:light-dark(#0b5cad,#8cc8ff);--bar:light-dark(#cfe3ef,#24445c);
--wrong:light-dark(#b34700,#ffb066);background:var(--paper);color:var(--ink);
font:15px/24px "IBM Plex Sans",system-ui,sans-serif;font-variant-numeric:tabular-nums}
body.run{margin:0}
.run main{max-width:1120px;margin:0 auto;padding:24px}
.run h1{margin:0 0 4px;font-size:28px;line-height:36px;overflow-wrap:anywhere}
.run h2{margin:40px 0 8px;font-size:20px;line-height:28px;border-top:1px solid var(--line);padding-top:16px}
.run h3{margin:20px 0 4px;font-size:15px}
.run p{margin:0 0 8px;max-width:80ch}
.run .soft{color:var(--soft)}
.run .facts{display:flex;flex-wrap:wrap;gap:8px 40px;margin:16px 0}
.run .facts b{display:block;font-size:26px;line-height:34px}
.run .row{display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start}
.run .wide{overflow-x:auto}
.run table{border-collapse:collapse;font-size:14px;line-height:20px}
.run th,.run td{padding:4px 16px 4px 0;border-bottom:1px solid var(--line);text-align:start;
vertical-align:top;overflow-wrap:anywhere}
.run thead th{color:var(--soft);font-weight:400}
.run td.n{text-align:end;white-space:nowrap}
.run ul{margin:0;padding:0 0 0 20px}
.run li{margin:0 0 8px;max-width:90ch}
.run a{color:var(--held)}
.run summary{cursor:pointer}
.run .text{display:block;white-space:pre-wrap;overflow-wrap:anywhere;max-height:7.5em;overflow:auto}
.run .wrong{color:var(--wrong)}
.run svg{display:block;max-width:100%;height:auto}
.run svg text{fill:var(--soft);font:11px ui-monospace,monospace}
.run svg .grid{stroke:var(--line)}
.run svg .note{stroke:var(--held);stroke-dasharray:2 3}
.run polyline{fill:none;stroke:var(--ink);stroke-width:1.6}
.run polyline.faint{stroke-width:.8;opacity:.3}
.run polyline.held{stroke:var(--held)}
.run polyline.chance{stroke:var(--soft);stroke-dasharray:6 4;stroke-width:1}
.run circle{fill:var(--held)}
.run rect.bar{fill:var(--bar)}
.run :focus-visible{outline:2px solid var(--held);outline-offset:2px}
"""
