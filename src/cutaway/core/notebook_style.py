"""How a trace looks in a notebook: light or dark as the notebook says, or else the system."""

from __future__ import annotations

BASE = """
.cutaway{color-scheme:light dark;--paper:light-dark(#fbfaf8,#16181d);--ink:light-dark(#16181d,#e9e7e2);
--soft:light-dark(#565a63,#a9a79f);--line:light-dark(#d9d6cf,#353942);--positive:light-dark(#0b5cad,#8cc8ff);
--negative:light-dark(#b34700,#ffb066);--full:light-dark(#1b3a6b,#e8f2b0);
padding:12px 16px;background:var(--paper);color:var(--ink);
font:14px/20px "IBM Plex Sans",system-ui,sans-serif;font-variant-numeric:tabular-nums}
[data-jp-theme-light="false"] .cutaway,.dark .cutaway,[data-theme="dark"] .cutaway,
.vscode-dark .cutaway{color-scheme:dark}
[data-jp-theme-light="true"] .cutaway,.light .cutaway,[data-theme="light"] .cutaway,
.vscode-light .cutaway{color-scheme:light}
.cutaway h4{margin:0 0 8px;color:inherit;font-size:16px;line-height:24px}
.cutaway p{margin:4px 0 8px}
.cutaway dl{display:grid;grid-template-columns:max-content 1fr;gap:0 12px;margin:0 0 8px}
.cutaway dt{color:var(--soft);font-weight:400}
.cutaway dd{margin:0;overflow-wrap:anywhere}
.cutaway figure{margin:8px 0 12px;overflow-x:auto}
.cutaway summary{margin:4px 0;padding:2px 0;cursor:pointer}
.cutaway code{background:none;color:inherit;font:13px/20px "IBM Plex Mono",ui-monospace,monospace}
.cutaway small{color:var(--soft);font:12px/16px "IBM Plex Mono",ui-monospace,monospace}
.cutaway small span{display:inline-flex;border:1px solid var(--line)}
.cutaway small i{width:6px;height:9px}
.cutaway .wide{overflow-x:auto}
.cutaway table{width:auto;margin:0;border:0;border-collapse:separate;border-spacing:2px;background:none;
color:inherit;font:12px/16px "IBM Plex Mono",ui-monospace,monospace;table-layout:auto}
.cutaway table tr{background:none;border:0}
.cutaway table th,.cutaway table td{padding:0 4px;border:0;font-weight:400;text-align:start;
white-space:nowrap;max-width:none}
.cutaway table th{background:none;color:var(--soft)}
.cutaway .rows td{padding:1px 12px 1px 4px;border-bottom:1px solid var(--line);white-space:pre}
.cutaway .map th{text-align:end}
.cutaway .map td{min-width:20px;height:20px;text-align:center;outline:.5px solid var(--line)}
.cutaway .map tr:first-child th{text-align:center}
.cutaway .upright th{height:84px;padding:2px 0;vertical-align:bottom}
.cutaway .upright span{display:inline-block;max-height:84px;overflow:hidden;writing-mode:vertical-rl;
transform:rotate(180deg)}
.cutaway .atlas{display:grid;gap:3px;width:max-content;margin:8px 0}
.cutaway .atlas i{display:block;background:var(--full);-webkit-mask-size:100% 100%;mask-size:100% 100%;
image-rendering:pixelated}
.cutaway .atlas b{display:block;width:44px;height:44px;outline:1px solid var(--line);font-weight:400}
.cutaway .atlas i{width:44px;height:44px}
.cutaway svg{display:block}
.cutaway svg text{fill:var(--ink);font:12px "IBM Plex Mono",ui-monospace,monospace}
.cutaway svg .soft{fill:var(--soft)}
.cutaway svg path,.cutaway svg line{fill:none;stroke:var(--ink);stroke-width:1.5}
.cutaway svg .rope{stroke:var(--line)}
.cutaway svg .pull{stroke:var(--positive);stroke-width:3}
.cutaway svg .push{stroke:var(--negative);stroke-width:3;stroke-dasharray:6 3}
.cutaway svg circle{fill:var(--ink)}
.cutaway svg rect{fill:none;stroke:var(--ink)}
"""
