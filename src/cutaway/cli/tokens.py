"""`cutaway tokens encode|decode|train|compare|stats`: text to ids and back, and tokenizers side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.words import words

if TYPE_CHECKING:
    from rich.text import Text

    from cutaway.core.trace import Trace
    from cutaway.tokenization.encoding import Encoding
    from cutaway.tokenization.tokenizer import Tokenizer

app = typer.Typer(no_args_is_help=True, help="Room 1: text to ids and back.")
app.command()(words)

TOKENIZER = typer.Option(
    "bert-base-uncased",
    "--tokenizer",
    help="A catalog name, or a tokenizer.json, vocab.txt, vocab.json, .model or .tiktoken file, or a folder.",
)
TOKENIZERS = typer.Option("bert-base-uncased", "--tokenizers", help="Names or files, commas between.")
COLUMN = typer.Option("text", "--column", help="The column of Parquet files.")
_ROWS = 1024
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
        if json:
            output.print_json(record.to_json())
        elif "tries" in record.tables:
            _print_tries(record)
        else:
            _print_steps(record)
        return
    encoding = loaded.encode(given, special=special, max_tokens=max_tokens)
    if json:
        output.print_json(_plain(encoding, tokenizer))
        return
    _print_tokens(encoding)


@app.command(name="encode-file")
def encode_file(
    files: list[str] = typer.Argument(help="Files with a text a line, or Parquet; '-' is standard input."),
    out: Path = typer.Option(..., "--out", help="The .npy file for the ids; row starts go beside it."),
    tokenizer: str = TOKENIZER,
    max_tokens: int | None = typer.Option(None, "--max-tokens", help="Keep at most so many in a row."),
    special: bool = typer.Option(True, help="Put special tokens around each text."),
    column: str = COLUMN,
    json: bool = JSON,
) -> None:
    """Write the ids of whole files, end to end, as a NumPy array."""
    import numpy as np

    from cutaway.cli.text_files import read_texts
    from cutaway.core.errors import UsageError
    from cutaway.core.files import whole_file
    from cutaway.tokenization.tokenizer import Tokenizer

    if out.suffix != ".npy":
        raise UsageError(f"--out is {str(out)!r}: it must end in .npy")
    loaded = Tokenizer.load(tokenizer)
    ids, lengths = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for rows in _shown(_batches(read_texts(files, column)), "encoding"):
        batch = loaded.encode_batch(rows, special=special, max_tokens=max_tokens)
        ids.append(batch.ids)
        lengths.append(np.diff(batch.row_starts))
    flat = np.concatenate(ids)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))])
    beside = out.with_name(f"{out.stem}.rows.npy")
    for path, array in ((beside, starts), (out, flat)):
        with whole_file(path) as part, part.open("wb") as file:
            np.save(file, array)
    told = {"ids": str(out), "row_starts": str(beside), "texts": len(starts) - 1, "tokens": len(flat)}
    if json:
        output.print_json(told)
        return
    output.console().print(f"{out}: {len(flat):,} ids of {len(starts) - 1:,} texts", soft_wrap=True)
    output.console().print(f"{beside}: where each text starts", soft_wrap=True)


@app.command()
def train(
    files: list[str] = typer.Argument(help="Files with a text a line, or Parquet; '-' is standard input."),
    out: Path = typer.Option(..., "--out", help="The file to write: tokenizer.json, or .model of unigram."),
    model: str = typer.Option("bpe", "--model", help="bpe, wordpiece, unigram, or words for whole words."),
    vocab_size: int = typer.Option(16_000, "--vocab-size", help="How many tokens."),
    column: str = COLUMN,
    trace: int = typer.Option(0, "--trace", help="Show so many of the first merges, or rounds."),
    json: bool = JSON,
) -> None:
    """Learn a tokenizer from files."""
    from cutaway.cli.text_files import read_texts
    from cutaway.core.render import to_rich
    from cutaway.tokenization.tokenizer import Tokenizer
    from cutaway.tokenization.training.trainer import trace_training, train_pipeline

    texts = (text for rows in _shown(_batches(read_texts(files, column)), "reading") for text in rows)
    if model == "words":
        _train_words(texts, out, vocab_size, json)
        return
    pipeline, learned = train_pipeline(texts, model=model, vocab_size=vocab_size)  # type: ignore[arg-type]
    loaded = Tokenizer(pipeline)
    loaded.save(out)
    steps = "rounds" if model == "unigram" else "merges"
    told = {"tokenizer": str(out), "model": model, "tokens": loaded.vocab_size, steps: len(learned)}
    record = trace_training(learned[:trace], loaded.token_of)
    if json:
        output.print_json(told | ({"trace": record.to_json()} if trace else {}))
        return
    if trace:
        output.console().print(to_rich(record))
    output.console().print(
        f"{out}: {loaded.vocab_size:,} tokens after {len(learned):,} {steps}", soft_wrap=True
    )


def _train_words(texts: Iterator[str], out: Path, vocab_size: int, json: bool) -> None:
    from cutaway.tokenization.word_vocabulary import WordVocabulary

    built = WordVocabulary.build(texts, max_size=vocab_size)
    built.save(out)
    told = {"vocabulary": str(out), "words": len(built), "seen": sum(built.counts.values())}
    if json:
        output.print_json(told)
        return
    output.console().print(f"{out}: {len(built):,} words, seen {told['seen']:,} times", soft_wrap=True)


@app.command()
def compare(
    text: str = typer.Argument(help="The text; '-' reads standard input."),
    tokenizers: str = TOKENIZERS,
    plot: Path | None = typer.Option(None, "--plot", help="Also write an SVG of how many tokens."),
    json: bool = JSON,
) -> None:
    """Show one text as each tokenizer cuts it."""
    from rich.text import Text

    from cutaway.tokenization.comparing import cut_by_each

    cuts = cut_by_each(output.read_text_argument(text), _loaded(tokenizers))
    if plot:
        from cutaway.tokenization.bars import write_bars

        write_bars(plot, "Tokens", {name: len(tokens) for name, tokens in cuts.items()})
    if json:
        output.print_json({name: [list(token) for token in tokens] for name, tokens in cuts.items()})
        return
    for name, tokens in cuts.items():
        line = Text(f"{name}  {len(tokens)} token{'' if len(tokens) == 1 else 's'}  ", style="bold")
        for at, (part, _) in enumerate(tokens):
            line.append(part or "·", style="not bold reverse" if at % 2 else "not bold underline")
            line.append("|", style="not bold dim")
        output.console().print(line, soft_wrap=True)


@app.command()
def stats(
    files: list[str] = typer.Argument(help="Files with a text a line, or Parquet; '-' is standard input."),
    tokenizers: str = TOKENIZERS,
    plot: Path | None = typer.Option(None, "--plot", help="Also write an SVG of tokens a word."),
    column: str = COLUMN,
    json: bool = JSON,
) -> None:
    """Measure what each tokenizer makes of files: tokens a word, bytes a token, and more."""
    from rich.table import Table

    from cutaway.cli.text_files import read_texts
    from cutaway.core.render import number
    from cutaway.tokenization.comparing import corpus_measures

    loaded = _loaded(tokenizers)
    texts = list(read_texts(files, column)) if len(loaded) > 1 and "-" in files else None
    measured = {
        name: corpus_measures(tokenizer, read_texts(files, column) if texts is None else texts)
        for name, tokenizer in loaded.items()
    }
    if plot:
        from cutaway.tokenization.bars import write_bars

        write_bars(plot, "Tokens a word", {name: found.tokens_per_word for name, found in measured.items()})
    if json:
        output.print_json({name: found.measures() for name, found in measured.items()})
        return
    table = Table("", *(name for name in measured), box=None)
    for row in next(iter(measured.values())).measures():
        values = [found.measures()[row] for found in measured.values()]
        cells = [f"{value:,}" if isinstance(value, int) else number(value) for value in values]
        table.add_row(row.replace("_", " "), *cells)
    output.console().print(table)


def _loaded(names: str) -> dict[str, Tokenizer]:
    from cutaway.core.errors import UsageError
    from cutaway.tokenization.tokenizer import Tokenizer

    wanted = [name for name in names.split(",") if name]
    if not wanted:
        raise UsageError("--tokenizers names none: give names or files, commas between")
    return {name: Tokenizer.load(name) for name in wanted}


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    from itertools import islice

    while rows := list(islice(texts, _ROWS)):
        yield rows


def _shown(batches: Iterator[list[str]], task: str) -> Iterator[list[str]]:
    """Yield batches, and say on standard error how many texts there were and how fast."""
    import time

    started, count = time.perf_counter(), 0
    with output.progress() as bar:
        shown = bar.add_task(task, total=None, note="")
        for rows in batches:
            yield rows
            count += len(rows)
            speed = count / (time.perf_counter() - started)
            bar.update(shown, completed=count, note=f"{speed:,.0f} texts/s")


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


def _print_steps(record: Trace) -> None:
    """Print what the model did to each word, then the tokens."""
    from cutaway.core.render import to_rich

    output.console().print(to_rich(record))


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
