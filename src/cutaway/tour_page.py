"""The tour as one HTML file: no script, nothing from elsewhere, every text escaped.

The words are linked as in the lab, by style rules alone: whatever belongs to word 3 has the class `w3`,
and a rule outlines all of that class while any of it is pointed at.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from cutaway.core.render import number
from cutaway.core.shades import SHADES, fill_class
from cutaway.core.version import VERSION
from cutaway.tour_page_style import style

Json = dict[str, Any]
Cells = Literal["numbers", "small"]

TOKENS_DRAWN = 40  # a head's map grows with the square of this
TRIES_DRAWN = 60
NUMBERED = 14  # words whose cosines are printed in their cells
COLUMN = 72  # pixels a word in room 3
GUTTER = 80
PLOT = 72

TEXTS = {
    "Tokenization": (
        "A model reads numbers. The tokenizer cuts each word into the longest pieces its vocabulary has, "
        "from left to right, and hands on their ids. A piece that goes on inside a word is written with ##."
    ),
    "Embeddings": (
        "Each word is looked up in a table of vectors, learned from which words stand near which. The "
        "cosine of two vectors says how alike their company was: 1 the same direction, 0 unrelated."
    ),
    "Recurrent": (
        "An LSTM reads one word at a time and keeps a memory, the cell. Three gates between 0 (shut) and 1 "
        "(open) decide what is written, kept and shown. Drawn is each gate's mean over all units."
    ),
    "Transformers": (
        "Every token looks at all tokens at once and takes a weighted mean. A row is a token that looks, a "
        "column one that is looked at; a row's weights sum to 1. Shown are the heads in which words look "
        "hardest at other words."
    ),
    "Fine-tuning": (
        "A small head on a pretrained encoder, trained on labelled film reviews, turns the sentence's vector "
        "into one logit a label; softmax turns logits into probabilities that sum to 1."
    ),
}


def tour_page(tour_json: Json) -> str:
    """Return the five panels of a tour as one self-contained page.

    Args:
        tour_json: what `Tour.to_json` returns.

    Returns:
        HTML that loads nothing and runs nothing; light or dark as the reader's system is.

    Example:
        >>> from cutaway.tour import tour
        >>> tour_page(tour("I love learning about LLMs").to_json())[:15]
        '<!doctype html>'
    """
    tour = tour_json
    rooms = (
        ("Tokenization", "tokenization", tour["tokenization"]["tokenizer"], _tokenization),
        ("Embeddings", "embeddings", tour["embeddings"]["vectors"], _embeddings),
        ("Recurrent", "recurrent", tour["recurrent"]["model"], _recurrent),
        ("Transformers", "transformers", tour["transformers"]["model"], _transformers),
        ("Fine-tuning", "finetuning", tour["finetuning"]["model"], _finetuning),
    )
    sections = [
        _section(at, name, model, figure(tour), tour[key]["steps"])
        for at, (name, key, model, figure) in enumerate(rooms, start=1)
    ]
    notes = "".join(f"<p class='note'>{_text(note)}</p>" for note in tour["notes"])
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Cutaway: {_text(tour['text'][:60])}</title>"
        f"<style>{style(len(tour['words']))}</style></head>\n<body><main>"
        "<header><p class='soft'>Cutaway: one sentence through five rooms</p>"
        f"<h1>{_sentence(tour)}</h1></header>{notes}{''.join(sections)}"
        f"<footer class='soft'>Made by cutaway {VERSION}. Point at a word to see it in every room."
        "</footer></main></body></html>\n"
    )


def _section(at: int, name: str, model: str, figure: str, steps: Sequence[Json]) -> str:
    lines = "".join(
        f"<li><code>{_text(step['formula'])}</code><code class='soft'>{_text(step['file'])}:{step['line']} "
        f"{_text(step['symbol'])}</code></li>"
        for step in steps
    )
    return (
        f"\n<section><div class='about'><h2><b>{at}</b> {name}</h2><p class='soft mono'>{_text(model)}</p>"
        f"<p>{TEXTS[name]}</p></div><div class='figure'>{figure}<ol class='steps'>{lines}</ol></div>"
        "</section>"
    )


def _sentence(tour: Json) -> str:
    parts, at = [], 0
    for index, word in enumerate(tour["words"]):
        parts.append(_text(tour["text"][at : word["start"]]))
        parts.append(f"<span class='w w{index}' tabindex='0'>{_text(word['text'])}</span>")
        at = word["end"]
    return "".join(parts) + _text(tour["text"][at:])


def _tokenization(tour: Json) -> str:
    room = tour["tokenization"]
    chips = "".join(
        f"<span class='chip {_word_class(token['word'])}'><bdi class='mono'>{_text(token['token'])}</bdi>"
        f"<small>{token['id']}</small></span>"
        for token in room["tokens"]
    )
    tries = room["tries"]
    looks = "".join(
        f"<li class='try {'found' if one['found'] else ''} {_word_class(one['word'])}'>"
        f"<bdi>{_text(one['piece'])}</bdi></li>"
        for one in tries[:TRIES_DRAWN]
    )
    more = f"<p class='soft'>{len(tries) - TRIES_DRAWN:,} more tries</p>" if len(tries) > TRIES_DRAWN else ""
    return (
        f"<h3>Tokens and ids</h3><div class='chips'>{chips}</div>"
        "<h3>Every piece that was tried, in order; filled are those found</h3>"
        f"<ol class='tries'>{looks}</ol>{more}"
    )


def _embeddings(tour: Json) -> str:
    room = tour["embeddings"]
    distinct: dict[str, Json] = {}
    for line in room["words"]:
        distinct.setdefault(str(tour["words"][line["word"]]["text"]).lower(), line)
    rows = "".join(
        f"<tr class='{_word_class(line['word'])}'><th scope='row'>{_word(tour, line['word'])}</th>"
        + ("".join(map(_neighbor, line["neighbors"])) or "<td class='soft'>not in the table</td>")
        + "</tr>"
        for line in distinct.values()
    )
    words = room["similarity"]["words"]
    cells: Cells = "numbers" if len(words) <= NUMBERED else "small"
    matrix = "".join(
        _map_row(_word(tour, word), word, values, "signed", cells)
        for word, values in zip(words, room["similarity"]["matrix"], strict=True)
    )
    return (
        "<h3>Nearest words in the whole table, with their cosines</h3>"
        f"<div class='wide'><table class='near'>{rows}</table></div>"
        f"<h3>Cosine of every two words of the sentence</h3>{_legend('signed')}"
        f"<div class='wide'><table class='map {cells}'>{_head_row(tour, words)}{matrix}</table></div>"
    )


def _neighbor(neighbor: Json) -> str:
    return f"<td><bdi>{_text(neighbor['word'])}</bdi> <small>{number(neighbor['cosine'])}</small></td>"


def _recurrent(tour: Json) -> str:
    room = tour["recurrent"]
    words = room["words"]
    if not words:
        return "<p class='soft'>The LSTM had no word to read.</p>"
    gates = "".join(
        _map_row(name, None, values, "unsigned", "numbers") for name, values in room["gates"].items()
    )
    return (
        f"<h3>Gates, cell and answer after each word</h3>{_legend('unsigned')}<div class='wide'>"
        f"<table class='map fixed'>{_head_row(tour, words)}{gates}</table>"
        f"{_line('length of the cell ‖c‖', words, room['cell_norm'], max(1.0, *room['cell_norm']))}"
        f"{_line('probability of “positive” so far', words, room['probability'], 1.0)}</div>"
    )


def _line(name: str, words: Sequence[int], values: Sequence[float], top: float) -> str:
    """Draw one number a word under the columns of the gates' table."""
    points = [
        (GUTTER + (at + 0.5) * COLUMN, 32 + PLOT * (1 - value / top)) for at, value in enumerate(values)
    ]
    dots = "".join(
        f"<circle class='w{word}' cx='{x:.1f}' cy='{y:.1f}' r='3.5'/>"
        f"<text x='{x:.1f}' y='{y - 8:.1f}' text-anchor='middle'>{number(value)}</text>"
        for word, (x, y), value in zip(words, points, values, strict=True)
    )
    width = GUTTER + COLUMN * len(values)
    ends = "".join(
        f"<line x1='{GUTTER}' x2='{width}' y1='{y}' y2='{y}'/>"
        f"<text x='{GUTTER - 8}' y='{y + 4}' text-anchor='end'>{number(end)}</text>"
        for y, end in ((32, top if top != int(top) else int(top)), (32 + PLOT, 0))
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f"<h4>{name}</h4><svg width='{width}' height='{PLOT + 48}' role='img' aria-label='{name}'>{ends}"
        f"<polyline points='{path}'/>{dots}</svg>"
    )


def _transformers(tour: Json) -> str:
    room = tour["transformers"]
    tokens = room["tokens"][:TOKENS_DRAWN]
    cut = len(tokens) < len(room["tokens"])
    note = f"<p class='soft'>the first {len(tokens)} of {len(room['tokens'])} tokens</p>" if cut else ""
    size = "" if len(tokens) <= 14 else "tiny" if len(tokens) <= 22 else "tiny one"
    maps = "".join(
        f"<figure><figcaption>layer {head['layer']} head {head['head']} "
        f"<small>score {number(head['score'])}</small></figcaption>"
        f"<div class='wide'><table class='map small'>{_token_row(tokens)}"
        + "".join(
            _map_row(
                f"<bdi>{_text(token['token'])}</bdi>", token["word"], row[: len(tokens)], "unsigned", "small"
            )
            for token, row in zip(tokens, head["weights"], strict=False)
        )
        + "</table></div></figure>"
        for head in room["heads"]
    )
    return f"<h3>The most telling heads</h3>{_legend('unsigned')}{note}<div class='heads {size}'>{maps}</div>"


def _finetuning(tour: Json) -> str:
    room = tour["finetuning"]
    rows = "".join(
        f"<tr><th scope='row'>{_text(one['label'])}</th><td><svg width='240' height='16' role='img' "
        f"aria-label='bar'><rect class='rail' width='240' height='16'/>"
        f"<rect width='{240 * one['probability']:.1f}' height='16'/></svg></td>"
        f"<td>{number(one['probability'])}</td>"
        f"<td class='soft'>logit {number(one['logit'])}</td></tr>"
        for one in room["labels"]
    )
    answer = f"<p class='answer'>{_text(room['label'])}</p>"
    return f"{answer}<div class='wide'><table class='near'>{rows}</table></div>"


def _head_row(tour: Json, words: Iterable[int]) -> str:
    cells = "".join(f"<th scope='col' class='w{word}'>{_word(tour, word)}</th>" for word in words)
    return f"<tr><td></td>{cells}</tr>"


def _token_row(tokens: Sequence[Json]) -> str:
    cells = "".join(
        f"<th scope='col' class='{_word_class(token['word'])}'><bdi>{_text(token['token'])}</bdi></th>"
        for token in tokens
    )
    return f"<tr><td></td>{cells}</tr>"


def _map_row(label: str, word: int | None, values: Sequence[float], scale: str, cells: Cells) -> str:
    """One row of a heat map; small cells keep their numbers for those who point at one."""
    drawn = "".join(
        f"<td class='{fill_class(scale, value)}' title='{number(value)}'></td>"
        if cells == "small"
        else f"<td class='{fill_class(scale, value)}'>{number(value)}</td>"
        for value in values
    )
    return f"<tr class='{_word_class(word)}'><th scope='row'>{label}</th>{drawn}</tr>"


def _legend(scale: str) -> str:
    low = -1 if scale == "signed" else 0
    strips = "".join(f"<i class='{scale[0]}{level}'></i>" for level in range(SHADES + 1))
    return f"<p class='legend'>{number(low)} <span>{strips}</span> 1</p>"


def _word(tour: Json, at: int) -> str:
    return f"<bdi>{_text(tour['words'][at]['text'])}</bdi>"


def _word_class(word: int | None) -> str:
    return "" if word is None else f"w{word}"


def _text(text: str) -> str:
    """Escape, and show control characters, which HTML cannot hold, as their pictures."""
    shown = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\n\t" else c for c in str(text))
    return html.escape(shown, quote=True)
