"""Tables with answers beside each row: CSV, TSV, JSON lines, Parquet; what was in the row stays as it was.

A row of JSON goes on as it is spelled, and a Parquet column with its type, where the output is of the
input's kind; between kinds every value is its text.

Legend: B rows of a block, C classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from cutaway.core.text import read_lines
from cutaway.finetuning.journal import Probabilities
from cutaway.finetuning.predictions import labels_of
from cutaway.finetuning.tables import StringTable

PREDICTION, PROBABILITY, EACH = "prediction", "probability", "p_"
JSON_ENDINGS = (".jsonl", ".ndjson")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A table and the probabilities of its rows.

    Attributes:
        path: the table's file.
        table: its columns.
        classes: the names of the C probabilities.
        threshold: the least probability of a label that is given.
        blocks: the probabilities in order, (B, C) float32 each.
    """

    path: Path
    table: StringTable
    classes: tuple[str, ...]
    threshold: float | None
    blocks: Callable[[], Iterator[Probabilities]]

    @property
    def added(self) -> list[str]:
        """The columns that the answers add."""
        return added_columns(self.classes)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each row's label and its numbers as shortest decimals: the likeliest's, then each class's."""
        for block in self.blocks():
            labels = labels_of(block, self.classes, self.threshold)
            for label, numbers in zip(labels, block, strict=True):
                yield label, [str(numbers.max()), *map(str, numbers)]


def added_columns(classes: Sequence[str]) -> list[str]:
    """Return the columns that answers add to a table.

    Args:
        classes: the model's.

    Example:
        >>> added_columns(["bad", "good"])
        ['prediction', 'probability', 'p_bad', 'p_good']
    """
    return [PREDICTION, PROBABILITY, *(EACH + name for name in classes)]


def writers() -> dict[str, Callable[[Path, Answered], None]]:
    """Return the writers by the ending of a file's name."""
    return {
        ".csv": lambda part, answered: _write_delimited(part, answered, ","),
        ".tsv": lambda part, answered: _write_delimited(part, answered, "\t"),
        ".jsonl": _write_json_lines,
        ".ndjson": _write_json_lines,
        ".parquet": _write_parquet,
    }


def _write_delimited(part: Path, answered: Answered, delimiter: str) -> None:
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([*answered.table.columns, *answered.added])
        for values, (label, numbers) in zip(_values(answered.table), answered.rows(), strict=True):
            writer.writerow([*values, label, *numbers])


def _write_json_lines(part: Path, answered: Answered) -> None:
    names = [json.dumps(name, ensure_ascii=False) for name in answered.added]
    carried: Iterable[str]
    if answered.path.suffix.lower() in JSON_ENDINGS:
        carried = (line.strip() for line in read_lines(answered.path, undecodable="replace") if line.strip())
    else:
        columns = list(answered.table.columns)
        carried = (
            json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False)
            for values in _values(answered.table)
        )
    with part.open("w", encoding="utf-8", newline="\n") as file:
        for line, (label, numbers) in zip(carried, answered.rows(), strict=True):
            spelled = [json.dumps(label, ensure_ascii=False), *numbers]
            told = ", ".join(f"{name}: {value}" for name, value in zip(names, spelled, strict=True))
            file.write(f"{line.removesuffix('}').rstrip()}, {told}}}\n")


def _write_parquet(part: Path, answered: Answered) -> None:
    blocks = answered.blocks()
    if answered.path.suffix.lower() == ".parquet":
        carried = parquet.ParquetFile(answered.path, memory_map=True)
        schema, batches = carried.schema_arrow, _of_sizes(carried.iter_batches(), answered.blocks())
    else:
        schema = arrow.schema([(name, arrow.large_string()) for name in answered.table.columns])
        batches = _of_sizes(_text_batches(answered.table, schema), answered.blocks())
    for name, kind in zip(answered.added, _kinds(answered.classes), strict=True):
        schema = schema.append(arrow.field(name, kind))
    with parquet.ParquetWriter(part, schema) as writer:
        for batch, block in zip(batches, blocks, strict=True):
            labels = labels_of(block, answered.classes, answered.threshold)
            made = [labels, block.max(1), *block.T]
            for values, kind in zip(made, _kinds(answered.classes), strict=True):
                whole = values if isinstance(values, list) else np.ascontiguousarray(values)
                batch.append(arrow.array(whole, kind))
            writer.write_batch(arrow.record_batch(batch, schema=schema))


def _kinds(classes: Sequence[str]) -> list[Any]:
    return [arrow.string(), *[arrow.float32()] * (1 + len(classes))]


def _values(table: StringTable) -> Iterator[tuple[str | None, ...]]:
    return zip(*table.columns.values(), strict=True)


def _text_batches(table: StringTable, schema: Any) -> Iterator[Any]:
    columns = [arrow.chunked_array(column.chunks, arrow.large_string()) for column in table.columns.values()]
    yield from arrow.table(columns, schema=schema).to_batches()


def _of_sizes(batches: Iterable[Any], blocks: Iterable[Probabilities]) -> Iterator[list[Any]]:
    """Cut batches anew, one for each block, so that the file does not depend on how the input was cut."""
    waiting: list[Any] = []
    source = iter(batches)
    for block in blocks:
        while sum(map(len, waiting)) < len(block):
            waiting.append(next(source))
        together = arrow.Table.from_batches(waiting).combine_chunks()
        yield [column.combine_chunks() for column in together.slice(0, len(block)).columns]
        waiting = together.slice(len(block)).to_batches()
