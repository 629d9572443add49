"""A trace of byte pairs as a forest: each word a binary tree, as high as the rank of each merge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from cutaway.core.trace import Trace

LEAF = 24
TALL = 132
GAP = 12
WIDEST = 940
SIGNS = str.maketrans({"Ġ": "·", "Ċ": "¶", "▁": "·"})


@dataclass(frozen=True, kw_only=True)
class _Node:
    """Where a node stands in its tree: across in leaves, up from 0 to 1, and from which leaf to which."""

    x: float
    height: float
    begin: int
    end: int


def forest_picture(trace: Trace) -> str:
    """Return the merge forest of a text as SVG; nothing where no step of the trace is a merge.

    Args:
        trace: of a tokenizer of byte pairs.
    """
    table = trace.tables.get("steps")
    if table is None or "rank" not in table.columns:
        return ""
    words: dict[Any, list[dict[str, Any]]] = {}
    for row in table.rows:
        named = dict(zip(table.columns, row, strict=True))
        words.setdefault(named["word"], []).append(named)
    ranks = int(trace.facts.get("vocabulary size") or 1)
    parts, left, top, widest = [], 0, 0, 0
    for rows in words.values():
        drawn, leaves = _tree(rows, ranks)
        if left and left + leaves * LEAF > WIDEST:
            left, top = 0, top + TALL + 32
        parts.append(f'<g transform="translate({left} {top})">{drawn}</g>')
        left += leaves * LEAF + GAP
        widest = max(widest, left)
    size = f'width="{widest}" height="{top + TALL + 28}"'
    return f'<svg {size} role="img" aria-label="merge forest">{"".join(parts)}</svg>'


def _tree(rows: Sequence[dict[str, Any]], ranks: int) -> tuple[str, int]:
    """Draw one word; return it and how many leaves it has."""
    nodes: dict[Any, _Node] = {}
    parts: list[str] = []
    used: set[Any] = set()
    leaves = 0
    for row in rows:
        left, right = nodes.get(row["left"]), nodes.get(row["right"])
        piece = escape(str(row["piece"]).translate(SIGNS))
        if left is None or right is None:
            # A word that is taken whole stands over all its symbols, without merges between.
            whole = row["order"] is not None and row["order"] >= 0
            node = (
                _Node(x=(leaves - 1) / 2, height=1.0, begin=0, end=leaves)
                if whole
                else _Node(x=leaves, height=0.0, begin=leaves, end=leaves + 1)
            )
            if whole:
                used = set(nodes)
            else:
                leaves += 1
                parts.append(_text(node.x, TALL - 2, piece, "soft"))
        else:
            height = 0.12 + 0.88 * math.log2(row["rank"] + 2) / math.log2(ranks + 2)
            node = _Node(x=(left.x + right.x) / 2, height=height, begin=left.begin, end=right.end)
            used |= {row["left"], row["right"]}
            path = f"M{_x(left.x)} {_y(left.height)}V{_y(height)}H{_x(right.x)}V{_y(right.height)}"
            parts.append(f'<path d="{path}"/><circle cx="{_x(node.x)}" cy="{_y(height)}" r="4"/>')
        nodes[row["node"]] = node
    pieces = {row["node"]: escape(str(row["piece"]).translate(SIGNS)) for row in rows}
    for name, node in nodes.items():
        if name not in used:
            width = (node.end - node.begin) * LEAF - 2
            parts.append(f'<rect x="{node.begin * LEAF}" y="{TALL + 4}" width="{width}" height="20" rx="2"/>')
            parts.append(_text((node.begin + node.end - 1) / 2, TALL + 18, pieces[name], ""))
    return "".join(parts), leaves


def _text(x: float, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{_x(x)}" y="{y}" text-anchor="middle">{text}</text>'


def _x(x: float) -> str:
    return f"{x * LEAF + LEAF / 2:g}"


def _y(height: float) -> str:
    return f"{TALL - 16 - height * (TALL - 32):.1f}"
