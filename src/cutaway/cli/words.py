"""`cutaway tokens words`: a text as whole words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.tokenization.word_spans import WordSpan


def words(
    text: str = typer.Argument(help="The text; '-' reads standard input."),
    trace: bool = typer.Option(False, "--trace", help="Show what each rule cuts instead."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Print the words of a text by the rules of the Penn Treebank, as NLTK cuts them."""
    from cutaway.core.render import to_rich
    from cutaway.tokenization.treebank.words import trace_treebank, treebank_words

    given = output.read_text_argument(text)
    if trace:
        record = trace_treebank(given)
        if json:
            output.print_json(record.to_json())
        else:
            output.console().print(to_rich(record))
        return
    found = treebank_words(given)
    if json:
        output.print_json({"words": [word._asdict() for word in found]})
        return
    _print_words(found)


def _print_words(words: list[WordSpan]) -> None:
    from rich.text import Text

    width = max((len(word.text) for word in words), default=0)
    for word in words:
        output.console().print(Text(f"{word.text:<{width}}  {word.start}:{word.end}"), soft_wrap=True)
    output.console().print(f"{len(words)} words")
