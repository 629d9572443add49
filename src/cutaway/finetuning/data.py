"""Labelled texts: from any table, folder or known data set, columns found or named, split by seed."""

from __future__ import annotations

import hashlib
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import Resolved, resolve
from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import Undecodable
from cutaway.finetuning.columns import TextColumn, whole
from cutaway.finetuning.folders import Split, read_folder
from cutaway.finetuning.hub import fetch_split, is_hub_name
from cutaway.finetuning.tables import StringTable, read_table

Rows = NDArray[np.int64]

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message", "document")
LABEL_NAMES = ("label", "labels", "sentiment", "class", "category", "target", "y")
MOST_LABELS = 1000
SENTIMENTS = {"0": "negative", "1": "positive"}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts with the name of each one's class.

    Attributes:
        texts: the texts, in memory or in a mapped file.
        labels: a class a text.
        source: where they came from, for people.
        replaced: how many bytes that were not UTF-8 became U+FFFD.
        rows: where each stands in the source, from 0; None if they are all of it in order.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    source: str
    replaced: int = 0
    rows: Rows | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def classes(self) -> list[str]:
        """The distinct labels, sorted."""
        return sorted(set(self.labels))

    @property
    def sha256(self) -> str:
        """A digest of every text and label, in order."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            digest.update(f"{len(text)}\x1f{text}\x1f{label}\x1e".encode())
        return digest.hexdigest()

    def pick(self, rows: Rows) -> Labelled:
        """Return some of the rows, in the order given."""
        texts: Sequence[str]
        if isinstance(self.texts, TextColumn):
            texts = self.texts.take(np.asarray(rows, dtype=np.int64))
        else:
            texts = [self.texts[row] for row in rows]
        return Labelled(
            texts=texts,
            labels=[self.labels[row] for row in rows],
            source=self.source,
            replaced=self.replaced,
            rows=np.asarray(rows, dtype=np.int64) if self.rows is None else self.rows[rows],
        )


def read_labelled(
    source: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    split: Split = "train",
    undecodable: Undecodable = "strict",
) -> Labelled:
    """Read labelled texts from a file, a folder, standard input, the catalog or the hub.

    Args:
        source: a .csv, .tsv, .jsonl, .parquet or .arrow file; a folder of classes or of tables; `-`;
            a catalog name such as "imdb"; a data set of the hub as "hub:owner/name".
        text: the column with the texts; found by its name, else the one with the longest values.
        label: the column with the classes; found by its name, else the one with the fewest.
        split: which part of a data set that has parts.
        undecodable: what to do with bytes that are not UTF-8: "strict" raises, "replace" counts.

    Returns:
        Texts and labels; lone surrogates replaced, nothing else changed.

    Raises:
        UsageError: a named column is not there.
        DataError: no column fits, a label or text is empty, or there is one class only.
    """
    path = Path(source)
    if str(source) in entries() and not path.exists():
        return _from_catalog(resolve(str(source)), split)
    if is_hub_name(str(source)) and not path.exists():
        table = read_folder(fetch_split(str(source), split), split)
    elif path.is_dir():
        table = read_folder(path, split, undecodable=undecodable)
    else:
        table = read_table(path, undecodable=undecodable)
    for name in (text, label):
        if name is not None and name not in table.columns:
            raise UsageError(f"{table.name} has no column {name!r}: it has {list(table.columns)}")
    if text is not None and text == label:
        raise UsageError(
            f"column {text!r} cannot be both text and label: {table.name} has {list(table.columns)}"
        )
    return _labelled(table, text, label)


def _labelled(table: StringTable, text: str | None, label: str | None) -> Labelled:
    text_column = text or find_text(table, label)
    label_column = label or _find_label(table, text_column)
    texts = whole(table.columns[text_column], text_column, table.name)
    labels = [
        sys.intern(str(value)) for value in whole(table.columns[label_column], label_column, table.name)
    ]
    if "" in labels:
        raise DataError(
            f"{table.name}: the label in row {labels.index('') + 1} is empty (column {label_column!r})"
        )
    _check_classes(table, label_column, labels, named=label is not None)
    _check_texts(texts, table.name, text_column)
    return Labelled(texts=texts, labels=labels, source=table.name, replaced=table.replaced)


def _check_classes(table: StringTable, column: str, labels: list[str], *, named: bool) -> None:
    found = len(set(labels))
    if not 2 <= found <= MOST_LABELS:
        raise DataError(
            f"{table.name}: column {column!r} has {found} classes: 2 to {MOST_LABELS} can be told apart; "
            f"the columns are {list(table.columns)}"
        )
    once = found == len(labels) or (found > 20 and 2 * found > len(labels))
    if once and not named and column.lower() not in LABEL_NAMES:
        raise DataError(
            f"{table.name}: no column looks like labels: {column!r} has {found} values in {len(labels)} "
            f"rows; name one of {list(table.columns)} (--label)"
        )


def _check_texts(texts: Sequence[str], name: str, column: str) -> None:
    empty = [row for row, value in enumerate(texts, start=1) if not value.strip()]
    if empty:
        shown = ", ".join(map(str, empty[:5])) + ("..." if len(empty) > 5 else "")
        raise DataError(
            f"{name}: {len(empty)} of {len(texts)} texts are empty (column {column!r}, row {shown}): "
            "remove them"
        )


def split_rows(
    labels: Sequence[str], *, held_out: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split rows into training and held-out ones, each class in its share, shuffled by the seed.

    Args:
        labels: each row's class.
        held_out: how many rows to hold out.
        seed: of the shuffle.

    Returns:
        Row numbers for training, row numbers held out.

    Raises:
        UsageError: the held-out part would be empty, or leave nothing to train on.
        DataError: a class has fewer than two rows.
    """
    if not 0 < held_out < len(labels):
        raise UsageError(f"cannot hold out {held_out} of {len(labels)} rows")
    counts = Counter(labels)
    rare = [name for name, count in counts.items() if count < 2]
    if rare:
        raise DataError(f"class {rare[0]!r} has one row only: each needs two, one of them to be held out")
    random = np.random.default_rng(seed)
    training, held = [], []
    names = np.asarray(labels)
    for name in sorted(counts):
        rows = random.permutation(np.flatnonzero(names == name))
        share = min(len(rows) - 1, max(1, round(held_out * len(rows) / len(labels))))
        held.append(rows[:share])
        training.append(rows[share:])
    return random.permutation(np.concatenate(training)), random.permutation(np.concatenate(held))


def draw(labelled: Labelled, count: int, *, seed: int) -> Labelled:
    """Return so many rows, each class in its share.

    Args:
        labelled: the rows to draw from.
        count: how many; all of them if there are no more.
        seed: of the draw.
    """
    if count >= len(labelled):
        return labelled
    return labelled.pick(split_rows(labelled.labels, held_out=count, seed=seed)[1])


def find_text(table: StringTable, label: str | None) -> str:
    """Return the column of texts: one that is called so, else the one with the longest values.

    Args:
        table: of strings.
        label: the column of labels, which is none of texts.

    Raises:
        DataError: there is no other column.
    """
    named = [name for name in table.columns if name.lower() in TEXT_NAMES and name != label]
    if named:
        return named[0]
    others = [name for name in table.columns if name != label]
    if not others:
        raise DataError(f"{table.name} has no column of texts: it has {list(table.columns)}")
    return max(others, key=lambda name: table.columns[name].size)


def _find_label(table: StringTable, text: str) -> str:
    named = [name for name in table.columns if name.lower() in LABEL_NAMES and name != text]
    if named:
        return named[0]
    others = [name for name in table.columns if name != text]
    if not others:
        raise DataError(f"{table.name} has no column of labels beside {text!r}: it has {list(table.columns)}")
    # A column that says the same in every row tells no classes apart.
    return min(others, key=lambda name: (table.columns[name].distinct < 2, table.columns[name].distinct))


def _from_catalog(found: Resolved, split: Split) -> Labelled:
    source = f"{found.name}, {split} split"
    if found.layout == "parquet":
        file = {"train": "train.parquet", "test": "test_half.parquet"}[split]
        table = read_table(found.files[file])
        labels = [SENTIMENTS[value] for value in table.columns["label"]]
        return Labelled(texts=table.columns["text"], labels=labels, source=source)
    if found.layout == "aclimdb-tar":
        return _from_archive(found.files["aclImdb_v1.tar.gz"], split, source)
    raise DataError(f"{found.name} is no data set of labelled texts")


def _from_archive(path: Path, split: Split, source: str) -> Labelled:
    """Read the official archive: one review a file, `aclImdb/<split>/<pos|neg>/<id>_<rating>.txt`."""
    names = {"pos": "positive", "neg": "negative"}
    texts, labels = [], []
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if len(parts) != 4 or parts[1] != split or parts[2] not in names:
                continue
            file = archive.extractfile(member)
            if file is not None:
                texts.append(file.read().decode("utf-8"))
                labels.append(names[parts[2]])
    return Labelled(texts=texts, labels=labels, source=source)
