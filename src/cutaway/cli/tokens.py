"""`cutaway tokens encode|decode`: text to ids and back, and every try on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from cutaway.core.trace import Trace
    from cutaway.tokenization.encoding import Encoding

app = typer.Typer(no_args_is_help=True, help="Room 1: text to ids and back.")

TOKENIZER = typer.Option(
    "bert-base-uncased", "--tokenizer", help="A catalog name, a vocab.txt, a tokenizer.json, or their folder."
)
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command()
def encode(
    text: str = typer.Argument(help="The text; '-' reads standard input."),
    tokenizer: str = TOKENIZER,
    max_tokens: int | None = typer.Option(None, "--max-tokens", help="Keep at most so many."),
    special: bool = typer.Option(True, help="Put [CLS] first and [SEP] last."),
    trace: bool = typer.Option(False, "--trace", help="Show every look into the vocabulary instead."),
    json: bool = JSON,
) -> None:
    """Print the tokens of a text, with their ids and their places in it."""
    from cutaway.tokenization.tokenizer import Tokenizer

    loaded = Tokenizer.load(tokenizer)
    given = output.read_text_argument(text)
    if trace:
        record = loaded.trace(given)
        output.print_json(record.to_json()) if json else _print_tries(record)
        return
    encoding = loaded.encode(given, special=special, max_tokens=max_tokens)
    if json:
        output.print_json(_plain(encoding, tokenizer))
        return
    _print_tokens(encoding)


@app.command()
def decode(
    ids: list[str] = typer.Argument(help="Ids, with spaces or commas between; '-' reads standard input."),
    tokenizer: str = TOKENIZER,
    special: bool = typer.Option(False, help="Keep [CLS], [SEP] and their like."),
    json: bool = JSON,
) -> None:
    """Print the text of ids."""
    from cutaway.tokenization.tokenizer import Tokenizer

    numbers = _numbers(output.read_text_argument("-") if ids == ["-"] else " ".join(ids))
    text = Tokenizer.load(tokenizer).decode(numbers, special=special)
    if json:
        output.print_json({"ids": numbers, "text": text, "tokenizer": tokenizer})
        return
    output.console().print(text, soft_wrap=True)


def _numbers(text: str) -> list[int]:
    """Read ids as people and programs write them: `101 102`, `101,102`, `[101, 102]`."""
    from cutaway.core.errors import UsageError

    words = [word for word in re.split(r"[\s,\[\]]+", text) if word]
    wrong = [word for word in words if not re.fullmatch(r"[0-9]{1,18}", word)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is not an id: give whole numbers from 0 on, such as 101 1045 102")
    return [int(word) for word in words]


def _plain(encoding: Encoding, tokenizer: str) -> dict[str, object]:
    return {
        "tokenizer": tokenizer,
        "ids": encoding.ids,
        "tokens": encoding.tokens,
        "offsets": encoding.offsets,
        "word_ids": encoding.word_ids,
        "type_ids": encoding.type_ids,
    }


def _print_tokens(encoding: Encoding) -> None:
    """Print one line a token: id, piece, characters."""
    id_width = max((len(str(token_id)) for token_id in encoding.ids), default=0)
    width = max((len(token) for token in encoding.tokens), default=0)
    lines = [
        f"{token_id:>{id_width}}  {token:<{width}}  {start}:{end}".rstrip()
        for token_id, token, (start, end) in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
    ]
    count = len(encoding)
    lines.append(f"{count} token" + ("" if count == 1 else "s"))
    output.console().print("\n".join(lines), soft_wrap=True)


def _print_tries(record: Trace) -> None:
    """Print one line a word: each piece that was looked up, struck out where it was not found."""
    from rich.text import Text

    console = output.console()
    lines: dict[object, Text] = {}
    words = record.table("words").rows
    for number, text, start, end in words:
        lines[number] = Text(f"{text}  [{start}:{end}]  ", style="bold")
    for word, _, _, _, piece, found, token_id in record.table("tries").rows:
        tail = f" = {token_id}" if found else " no"
        lines[word].append(f" {piece}{tail} ", style="not bold green" if found else "not bold dim")
    for line in lines.values():
        console.print(line, soft_wrap=True)
    step = record.step("tries")
    console.print(
        Text(f"{step.formula}   {step.source.file}:{step.source.line}", style="dim"), soft_wrap=True
    )
