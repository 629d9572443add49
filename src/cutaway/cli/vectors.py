"""`cutaway vectors similar|neighbors|analogy|train|evaluate|project|convert`: word vectors at work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output
from cutaway.cli.vectors_evaluate import evaluate
from cutaway.cli.vectors_project import project
from cutaway.cli.vectors_train import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutaway.core.trace import Trace
    from cutaway.embeddings.vectors import Neighbor

app = typer.Typer(no_args_is_help=True, help="Room 2: word vectors, their similarities and sums.")
app.command()(train)
app.command()(evaluate)
app.command()(project)

VECTORS = typer.Option("glove-6b-50d", "--vectors", help="A catalog name, or a file or folder of vectors.")
COUNT = typer.Option(10, "-n", "--count", help="How many words.")
TRACE = typer.Option(False, "--trace", help="Show the computation step by step.")
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command()
def similar(
    a: str = typer.Argument(help="A word."),
    b: str = typer.Argument(help="Another."),
    vectors: str = VECTORS,
    trace: bool = TRACE,
    json: bool = JSON,
) -> None:
    """Print the cosine similarity of two words, from -1 to 1."""
    from cutaway.embeddings.vectors import WordVectors

    table = WordVectors.load(vectors)
    if trace:
        _print_trace(table.trace_similarity(a, b), json)
        return
    value = table.similarity(a, b)
    if json:
        output.print_json({"a": a, "b": b, "similarity": value, "vectors": vectors})
        return
    output.console().print(f"{a}  {b}  {_four_digits(value)}", soft_wrap=True)


@app.command()
def neighbors(
    word: str = typer.Argument(help="A word."),
    count: int = COUNT,
    vectors: str = VECTORS,
    trace: bool = TRACE,
    json: bool = JSON,
) -> None:
    """Print the words that lie nearest to a word."""
    from cutaway.embeddings.vectors import WordVectors

    table = WordVectors.load(vectors)
    if trace:
        _print_trace(table.trace_most_similar(word, topn=count), json)
        return
    found = table.most_similar(word, topn=count)
    if json:
        output.print_json({"word": word, "neighbors": _plain(found), "vectors": vectors})
        return
    _print_neighbors(found)


@app.command()
def analogy(
    a: str = typer.Argument(help='The word to start from: "king".'),
    b: str = typer.Argument(help='The word to take away: "man".'),
    c: str = typer.Argument(help='The word to add: "woman".'),
    count: int = COUNT,
    vectors: str = VECTORS,
    trace: bool = TRACE,
    json: bool = JSON,
) -> None:
    """Print the words nearest to A - B + C: what is to C as A is to B.

    `cutaway vectors analogy king man woman` asks: man is to king as woman is to which word?
    """
    from cutaway.embeddings.vectors import WordVectors

    table = WordVectors.load(vectors)
    if trace:
        _print_trace(table.trace_most_similar([a, c], [b], topn=count), json)
        return
    found = table.analogy(a, b, c, topn=count)
    if json:
        answer = {"a": a, "b": b, "c": c, "sum": f"{a} - {b} + {c}"}
        output.print_json({**answer, "neighbors": _plain(found), "vectors": vectors})
        return
    first = found[0].word if found else "nothing"
    output.console().print(f"{b} is to {a} as {c} is to {first}", style="bold", soft_wrap=True)
    _print_neighbors(found)


@app.command()
def convert(
    source: str = typer.Argument(help="A catalog name, or a file or folder of vectors."),
    target: str = typer.Argument(help="The file to write: .safetensors, .vec, .txt or .bin."),
    storage: str = typer.Option("float32", help="In .safetensors: float32, float16 or int8."),
    layout: str = typer.Option("", help="The format, where the ending does not say: fasttext-binary."),
    undecodable: str = typer.Option("strict", help="Words that are not UTF-8: strict refuses, replace."),
    json: bool = JSON,
) -> None:
    """Write vectors in another format: .safetensors opens fastest, the others are for other tools."""
    from cutaway.core.errors import UsageError
    from cutaway.embeddings.formats.safetensors_file import STORAGES
    from cutaway.embeddings.formats.saving import LAYOUTS, layout_of
    from cutaway.embeddings.vectors import WordVectors

    chosen = next((known for known in STORAGES if known == storage), None)
    if chosen is None:
        raise UsageError(f"storage is {storage!r}: expected one of {', '.join(STORAGES)}")
    if undecodable not in ("strict", "replace"):
        raise UsageError(f"undecodable is {undecodable!r}: expected strict or replace")
    if layout and layout not in LAYOUTS:
        raise UsageError(f"layout is {layout!r}: expected one of {', '.join(LAYOUTS)}")
    path = Path(target).expanduser()
    written = next((known for known in LAYOUTS if known == layout), None) or layout_of(path)
    table = WordVectors.load(source, undecodable=undecodable)  # type: ignore[arg-type]
    table.save(path, layout=written, storage=chosen)
    size = path.stat().st_size
    if json:
        output.print_json({"file": str(path), "words": len(table), "dim": table.dim, "bytes": size})
        return
    output.console().print(
        f"{path}: {len(table):,} words × {table.dim} dimensions, {size / 1e6:.1f} MB", soft_wrap=True
    )


def _plain(found: Sequence[Neighbor]) -> list[dict[str, object]]:
    return [{"word": near.word, "similarity": near.similarity} for near in found]


def _print_neighbors(found: Sequence[Neighbor]) -> None:
    console = output.console()
    for near in found:
        console.print(f"{_four_digits(near.similarity)}  {near.word}", soft_wrap=True)


def _four_digits(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def _print_trace(trace: Trace, json: bool) -> None:
    if json:
        output.print_json(trace.to_json())
    else:
        output.console().print(trace)
