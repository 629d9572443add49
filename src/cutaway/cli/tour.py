"""`cutaway tour TEXT`: five panels in the terminal, as JSON, or as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import output
from cutaway.core.render import number

if TYPE_CHECKING:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

Json = dict[str, Any]

SHADES = " ░▒▓█"
LONGEST_WORD = 14
SHOWN_HEAD_TOKENS = 16


def tour(
    text: str = typer.Argument(help="A sentence; - reads standard input."),
    json: bool = typer.Option(False, "--json", help="Print the five panels as JSON."),
    html: Path | None = typer.Option(None, "--html", help="Write one self-contained page to this file."),
) -> None:
    """Lead one sentence through all five rooms."""
    from cutaway.tour import tour as lead

    panels = lead(output.read_text_argument(text)).to_json()
    if html is not None:
        from cutaway.core.files import write_text
        from cutaway.tour_page import tour_page

        write_text(html, tour_page(panels))
    if json:
        output.print_json(panels)
        return
    console = output.console()
    for panel in (_tokenization, _embeddings, _recurrent, _transformers, _finetuning):
        console.print(panel(panels))
    for note in panels["notes"]:
        console.print(f"note: {note}", soft_wrap=True)
    if html is not None:
        console.print(f"page: {html}", soft_wrap=True)


def _tokenization(tour: Json) -> Panel:
    room = tour["tokenization"]
    grid = _grid("", *[_short(str(token["token"])) for token in room["tokens"]][:SHOWN_HEAD_TOKENS])
    grid.add_row(_text("id"), *[_text(str(token["id"])) for token in room["tokens"]][:SHOWN_HEAD_TOKENS])
    tries = sum(not row["found"] for row in room["tries"])
    more = len(room["tokens"]) - SHOWN_HEAD_TOKENS
    tail = f"; {more} more tokens not shown" if more > 0 else ""
    foot = f"{len(room['tokens'])} tokens from {len(tour['words'])} words; {tries} pieces tried in vain{tail}"
    return _panel("1 tokenization", room["tokenizer"], grid, foot, room["steps"][-2:])


def _embeddings(tour: Json) -> Panel:
    room = tour["embeddings"]
    grid = _grid("word", "nearest words (cosine)")
    seen = set()
    for row in room["words"]:
        word = _word(tour, row["word"])
        if row["known"] and word.lower() not in seen:
            seen.add(word.lower())
            near = ", ".join(f"{n['word']} {n['cosine']:.2f}" for n in row["neighbors"])
            grid.add_row(_text(_short(word)), _text(near))
    closest = room["closest"]
    foot = "no two known words to compare"
    if closest:
        a, b = _word(tour, closest["a"]), _word(tour, closest["b"])
        foot = f"closest pair here: {_short(a)} and {_short(b)}, cosine {number(closest['cosine'])}"
    return _panel("2 embeddings", room["vectors"], grid, foot, room["steps"][1:2])


def _recurrent(tour: Json) -> Panel:
    room = tour["recurrent"]
    grid = _grid("word", "input", "forget", "output", "|cell|", "p(positive)")
    gates = room["gates"]
    for at, word in enumerate(room["words"]):
        probability = room["probability"][at]
        grid.add_row(
            _text(_short(_word(tour, word))),
            *[_text(f"{_bar(gates[name][at], 5)} {gates[name][at]:.2f}") for name in gates],
            _text(number(room["cell_norm"][at])),
            _text(f"{_bar(probability, 8)} {probability:.3f}"),
        )
    foot = "gates: mean over the units, 0 shut to 1 open; p: if the text ended here"
    return _panel("3 recurrent", room["model"], grid, foot, room["steps"][1:2])


def _transformers(tour: Json) -> Panel:
    room = tour["transformers"]
    tokens = [_short(str(token["token"])) for token in room["tokens"]][:SHOWN_HEAD_TOKENS]
    grid = _grid("", *[f"layer {head['layer']} head {head['head']}" for head in room["heads"]])
    for at, token in enumerate(tokens):
        cells = [_text(_looks(head["weights"][at], room["tokens"])) for head in room["heads"]]
        grid.add_row(_text(token), *cells)
    foot = "each token, and the token it weighs most in that head" if room["heads"] else "too few tokens"
    return _panel("4 transformers", room["model"], grid, foot, room["steps"][3:4])


def _looks(weights: list[float], tokens: list[Json]) -> str:
    best = max(range(len(weights)), key=weights.__getitem__)
    return (
        f"{SHADES[min(4, int(weights[best] * 5))]} {_short(str(tokens[best]['token']))} {weights[best]:.2f}"
    )


def _finetuning(tour: Json) -> Panel:
    room = tour["finetuning"]
    grid = _grid("label", "logit", "probability")
    for row in room["labels"]:
        grid.add_row(
            _text(row["label"]),
            _text(number(row["logit"])),
            _text(f"{_bar(row['probability'], 24)} {row['probability']:.4f}"),
        )
    return _panel("5 finetuning", room["model"], grid, f"answer: {room['label']}", room["steps"][-1:])


def _panel(title: str, model: str, grid: Table, foot: str, steps: list[Json]) -> Panel:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    lines = [Text(f"{step['formula']}   {step['file']}:{step['line']}", style="dim") for step in steps]
    inside = Group(grid, Text(foot), *lines)
    return Panel(inside, title=Text(f"{title}: {model}"), title_align="left", padding=(0, 1))


def _grid(*columns: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(Text(column), overflow="fold")
    return grid


def _text(value: str) -> Text:
    from rich.text import Text

    return Text(value)


def _word(tour: Json, at: int) -> str:
    return str(tour["words"][at]["text"])


def _short(word: str) -> str:
    shown = "".join(c if c.isprintable() else "·" for c in word)
    return shown if len(shown) <= LONGEST_WORD else f"{shown[: LONGEST_WORD - 1]}…"


def _bar(share: float, width: int) -> str:
    full = round(share * width)
    return "█" * full + "·" * (width - full)
