"""`cutaway attend TEXT`: where a checkpoint's heads look, in the terminal or as a page; answers apart."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from cutaway.core.trace import Trace
    from cutaway.finetuning.asking import Opened
    from cutaway.transformers.explanation import Explanation
    from cutaway.transformers.heads import TellingHead
    from cutaway.transformers.question import Question

ATTENDING = "all-MiniLM-L6-v2"
ANSWERING = "sentiment"  # a model that answers, where an answer is asked about
MODEL_HELP = f"A catalog name, a checkpoint or a run; by default {ATTENDING}, for answers {ANSWERING}."
# A cell is as dark as the weight is high: the shade from this weight on.
SHADES = ((0.0, " "), (0.02, "·"), (0.1, "░"), (0.25, "▒"), (0.5, "▓"), (0.75, "█"))
_MOST_LINKS = 24
_RULER = 5
_LONGEST_LABEL = 14


def attend(
    text: str = typer.Argument(help="A text; - reads standard input."),
    model: str | None = typer.Option(None, help=MODEL_HELP),
    layer: int | None = typer.Option(None, help="Only this layer, counted from 0."),
    head: int | None = typer.Option(None, help="Only this head, counted from 0."),
    top: int | None = typer.Option(None, help="How many heads to show, by default 3; or parts, 10."),
    explain: bool = typer.Option(False, "--explain", help="Take the model's answer apart instead."),
    answer: str | None = typer.Option(None, help="The label or word to explain; the likeliest if not given."),
    html: Path | None = typer.Option(None, help="Write a page with all of it, that loads nothing."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show which tokens each attention head looks at, or take the model's answer apart.

    The most telling heads come first: those that put much weight, sharply, between content tokens. A head
    that looks somewhere need not matter: --explain tells what each part wrote towards the answer, and what
    changes without it.
    """
    from cutaway.finetuning.asking import open_model

    given = output.read_text_argument(text)
    asks = explain or answer is not None
    opened = open_model(model or (ANSWERING if asks or html else ATTENDING))
    if html:
        size = _write_page(opened, given, answer, html)
        if json:
            output.print_json({"page": str(html), "bytes": size})
        else:
            output.console().print(f"{html}: {size / 1e6:.1f} MB, open it in a browser", soft_wrap=True)
        return
    if asks:
        _explain(opened, given, answer, top=10 if top is None else top, json=json)
        return
    read = opened.read(given)
    trace = opened.body.trace(read.ids, tokens=read.tokens)
    heads = choose(trace, layer, head, 3 if top is None else top)
    if json:
        output.print_json(_as_json(trace, heads))
        return
    console = output.console()
    console.print(f"{opened.name}: {len(read.tokens)} tokens", style="bold")
    if not heads:
        console.print(
            "Fewer than two content tokens: no head links anything. Name --layer and --head to see one."
        )
    for chosen in heads:
        console.print(draw(trace, chosen, width=console.width))


def _explain(opened: Opened, text: str, answer: str | None, *, top: int, json: bool) -> None:
    from cutaway.cli.attend_answer import answer_json, draw_answer
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.asking import ask

    if top < 1:
        raise UsageError(f"--top is {top}: ask for at least 1 part")
    asked = ask(opened, text, answer=answer)
    explained = _all_of(asked.question)
    if json:
        output.print_json({"model": opened.name, **answer_json(explained, asked)})
        return
    console = output.console()
    console.print(f"{opened.name}: {len(asked.question.labels)} tokens", style="bold")
    console.print(draw_answer(explained, asked, top=top))


def _write_page(opened: Opened, text: str, answer: str | None, path: Path) -> int:
    from cutaway.core.files import write_text
    from cutaway.finetuning.asking import ask
    from cutaway.transformers.page.page import Heading, attention_page, check_tokens

    read = opened.read(text)
    check_tokens(len(read.tokens))
    if opened.answers == "none" and answer is None:
        trace = opened.body.trace(read.ids, tokens=read.tokens)
        page = attention_page(Heading(model=opened.name, text=text), trace)
    else:
        asked = ask(opened, text, answer=answer)
        explained = _all_of(asked.question)
        heading = Heading(model=opened.name, text=text, likeliest=asked.likeliest)
        page = attention_page(heading, explained.trace, explained)
    write_text(path, page)
    return path.stat().st_size


def _all_of(question: Question) -> Explanation:
    from cutaway.transformers.explanation import explain

    with output.progress() as bars:
        task = bars.add_task("explaining", total=5, note="")

        def told(what: str) -> None:
            bars.update(task, description=what, advance=1)

        return explain(question, told)


def choose(trace: Trace, layer: int | None, head: int | None, top: int) -> list[TellingHead]:
    """Pick the heads to show.

    Args:
        trace: of the text.
        layer: only this one, from 0.
        head: only this one, from 0.
        top: how many at most.

    Returns:
        The heads, most telling first; a head that was named is there even if it links nothing.

    Raises:
        UsageError: the model has no such layer or head.
    """
    from cutaway.core.errors import UsageError
    from cutaway.transformers.heads import TellingHead, most_telling

    layers, heads = trace["weights"].shape[:2]
    for name, wanted, there in (("layer", layer, layers), ("head", head, heads)):
        if wanted is not None and not 0 <= wanted < there:
            raise UsageError(f"there is no {name} {wanted}: this model has {there}, from 0 to {there - 1}")
    if top < 1:
        raise UsageError(f"--top is {top}: ask for at least 1 head")
    ranked = most_telling(trace, topn=layers * heads)
    chosen = [found for found in ranked if layer in (None, found.layer) and head in (None, found.head)]
    if not chosen and layer is not None and head is not None:
        return [TellingHead(layer=layer, head=head, score=0.0, content=0.0, sharpness=0.0)]
    return chosen[:top]


def draw(trace: Trace, chosen: TellingHead, *, width: int) -> RenderableType:
    """Return one head as a grid, or as its strongest links where the text is too long for one.

    Args:
        trace: of the text.
        chosen: the head.
        width: of the terminal, in characters.

    Returns:
        Something to print with rich: one row a query, one column a key, and the key that the query
        looks at most.
    """
    from rich.console import Group
    from rich.text import Text

    weights, tokens = trace["weights"][chosen.layer, chosen.head], trace.labels["key"]
    title = (
        f"\nlayer {chosen.layer}, head {chosen.head}: {chosen.content:.0%} from content to content, "
        f"sharpness {chosen.sharpness:.2f}"
    )
    parts = [Text(title, style="bold")]
    margin = " " * (_LONGEST_LABEL + 4)
    if len(margin) + 2 * len(tokens) + len("  → 0.00") + _LONGEST_LABEL > width:
        strongest = weights.max(axis=1).argsort()[::-1][:_MOST_LINKS]
        parts += [_link(weights, tokens, int(query)) for query in sorted(strongest)]
        return Group(*parts)
    ruler = "".join(f"{key:<{2 * _RULER}}" for key in range(0, len(tokens), _RULER))
    parts.append(Text(margin + ruler, style="dim"))
    parts += [_row(weights, tokens, query) for query in range(len(tokens))]
    legend = "  ".join(f"{shade} {bound:g}" for bound, shade in SHADES[1:])
    parts.append(Text(f"{margin}weight at least: {legend}", style="dim"))
    return Group(*parts)


def shade(weight: float) -> str:
    """Return the character for a weight from 0 to 1.

    Args:
        weight: how much of a query's attention.

    Returns:
        One character, darker for more.

    Example:
        >>> shade(0.01), shade(0.3), shade(0.9)
        (' ', '▒', '█')
    """
    return [character for bound, character in SHADES if weight >= bound][-1]


def _row(weights: Any, tokens: tuple[str, ...], query: int) -> Text:
    from rich.text import Text

    cells = "".join(shade(float(weight)) * 2 for weight in weights[query])
    return Text(
        f"{query:>2} {_label(tokens[query])} {cells}  {_strongest(weights, tokens, query)}", no_wrap=True
    )


def _link(weights: Any, tokens: tuple[str, ...], query: int) -> Text:
    from rich.text import Text

    return Text(f"{query:>3} {_label(tokens[query])} {_strongest(weights, tokens, query)}")


def _strongest(weights: Any, tokens: tuple[str, ...], query: int) -> str:
    key = int(weights[query].argmax())
    return f"→ {weights[query, key]:.2f} {_label(tokens[key]).rstrip()}"


def _label(token: str) -> str:
    short = token if len(token) <= _LONGEST_LABEL else f"{token[: _LONGEST_LABEL - 1]}…"
    return f"{short:<{_LONGEST_LABEL}}"


def _as_json(trace: Trace, heads: list[TellingHead]) -> dict[str, Any]:
    weights = trace["weights"]
    return {
        "model": trace.facts["model"],
        "tokens": list(trace.labels["key"]),
        "heads": [
            {**asdict(chosen), "weights": weights[chosen.layer, chosen.head].astype(float).round(6).tolist()}
            for chosen in heads
        ],
    }
