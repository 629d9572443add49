"""`cutaway vectors evaluate`: tables of word vectors against ratings and analogies."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors


def evaluate(
    pairs: list[Path] = typer.Option([], "--pairs", help="A file of rated pairs, such as WordSim-353."),
    analogies: list[Path] = typer.Option(
        [], "--analogies", help="A file of analogies, Google's or of BATS, or a folder of them."
    ),
    vectors: str = typer.Option("glove-6b-50d", "--vectors", help="Names or files, commas between."),
    sections: bool = typer.Option(False, "--sections", help="Show each section of the analogies."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Print how word vectors agree with people's ratings, and how many analogies they answer.

    Several tables are compared on the pairs that all of them know.
    """
    from cutaway.core.errors import UsageError
    from cutaway.embeddings.vectors import WordVectors

    if not pairs and not analogies:
        raise UsageError("nothing to evaluate: give --pairs FILE or --analogies FILE")
    names = [name for name in vectors.split(",") if name]
    tables = {name: WordVectors.load(name) for name in names}
    rows = [*_rated(tables, pairs), *_answered(tables, analogies, sections)]
    if json:
        output.print_json({"results": rows})
        return
    _print(rows)


def _rated(tables: dict[str, WordVectors], files: list[Path]) -> list[dict[str, object]]:
    from cutaway.embeddings.evaluation import rate_pairs, read_pairs, shared_pairs

    rows: list[dict[str, object]] = []
    for file in files:
        every = read_pairs(file)
        shared = shared_pairs(list(tables.values()), every)
        for name, table in tables.items():
            result = asdict(rate_pairs(table, shared)) | {"total": len(every)}
            rows.append({"vectors": name, "file": file.name, "measure": "spearman", **result})
    return rows


def _answered(tables: dict[str, WordVectors], files: list[Path], sections: bool) -> list[dict[str, object]]:
    from cutaway.embeddings.evaluation import answer_analogies, read_analogies

    rows: list[dict[str, object]] = []
    for file in files:
        questions = read_analogies(file)
        for name, table in tables.items():
            results = answer_analogies(table, questions)
            for result in results if sections else results[-1:]:
                rows.append({"vectors": name, "file": file.name, "measure": "accuracy", **asdict(result)})
    return rows


def _print(rows: list[dict[str, object]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("vectors", "file", "of", "figure", "95 %", "known"):
        table.add_column(heading, justify="right" if heading in ("figure", "95 %", "known") else "left")
    for row in rows:
        table.add_row(
            Text(str(row["vectors"])),
            Text(str(row["file"])),
            Text(str(row.get("section", "all"))),
            f"{row.get('spearman', row.get('accuracy')):.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['used']:,} of {row['total']:,}",
        )
    output.console().print(table)
