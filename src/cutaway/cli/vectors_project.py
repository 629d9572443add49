"""`cutaway vectors project`: words as points, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.embeddings.projection import Projection

WIDTH, HEIGHT = 78, 24


def project(
    words: list[str] = typer.Argument(None, help="Words; none takes the first of the table."),
    vectors: str = typer.Option("glove-6b-50d", "--vectors", help="A catalog name, or a file or folder."),
    method: str = typer.Option("pca", "--method", help="pca, tsne or umap."),
    dimensions: int = typer.Option(2, "--dimensions", help="2 or 3."),
    count: int = typer.Option(300, "-n", "--count", help="How many words, where none are named."),
    out: Path | None = typer.Option(None, "--out", help="Write an interactive page: a name ending in .html."),
    seed: int = typer.Option(0, help="Of t-SNE and UMAP."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Lay words out in two or three dimensions; each keeps its true neighbors."""
    from itertools import islice

    from cutaway.core.errors import UsageError
    from cutaway.core.files import write_text
    from cutaway.embeddings.projection import project as lay_out
    from cutaway.embeddings.projection_page import projection_page
    from cutaway.embeddings.vectors import WordVectors

    if out is not None and out.suffix != ".html":
        raise UsageError(f"--out is {str(out)!r}: it must end in .html")
    if count < 1:
        raise UsageError(f"--count is {count}: it must be at least 1")
    table = WordVectors.load(vectors)
    chosen = words or list(islice(table, count))
    found = lay_out(table, chosen, method=method, dimensions=dimensions, seed=seed)  # type: ignore[arg-type]
    if out is not None:
        write_text(out, projection_page(found, vectors))
    if json:
        output.print_json(_plain(found))
        return
    _print(found)
    if out is not None:
        output.console().print(str(out), soft_wrap=True)


def _plain(found: Projection) -> dict[str, object]:
    return {
        "method": found.method,
        "explained": found.explained,
        "words": [
            {
                "word": word,
                "point": point,
                "neighbors": [{"word": near.word, "similarity": near.similarity} for near in nearest],
            }
            for word, point, nearest in zip(found.words, found.points.tolist(), found.neighbors, strict=True)
        ],
    }


def _print(found: Projection) -> None:
    """Print words at their places, as many as find room, and how much the axes keep."""
    from rich.text import Text

    lines = [[" "] * WIDTH for _ in range(HEIGHT)]
    low, high = found.points.min(axis=0), found.points.max(axis=0)
    shown = 0
    for word, point in zip(found.words, (found.points - low) / (high - low + 1e-12), strict=True):
        text = word[:WIDTH]
        row = round((1 - float(point[1])) * (HEIGHT - 1))
        start = min(round(float(point[0]) * (WIDTH - 1)), WIDTH - len(text))
        around = lines[row][max(start - 1, 0) : start + len(text) + 1]
        if all(char == " " for char in around):
            lines[row][start : start + len(text)] = text
            shown += 1
    console = output.console()
    for line in lines:
        console.print(Text("".join(line).rstrip()), soft_wrap=True)
    kept = f", {sum(found.explained):.0%} of the variance" if found.explained else ""
    console.print(f"{shown} of {len(found.words)} words by {found.method}{kept}")
