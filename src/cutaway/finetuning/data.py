"""Labelled texts: from a table or the catalog, with the columns found or named, and split by seed."""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import Resolved, resolve
from cutaway.core.errors import DataError, UsageError
from cutaway.core.text import scrub
from cutaway.finetuning.tables import StringTable, read_table

Split = Literal["train", "test"]
Rows = NDArray[np.int64]

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message", "document")
LABEL_NAMES = ("label", "labels", "sentiment", "class", "category", "target", "y")
MOST_LABELS = 1000
SENTIMENTS = {"0": "negative", "1": "positive"}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts with the name of each one's class."""

    texts: Sequence[str]
    labels: Sequence[str]
    source: str

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
        return Labelled(
            texts=[self.texts[row] for row in rows],
            labels=[self.labels[row] for row in rows],
            source=self.source,
        )


def read_labelled(
    source: str | Path, *, text: str | None = None, label: str | None = None, split: Split = "train"
) -> Labelled:
    """Read labelled texts from a file or from a data set of the catalog.

    Args:
        source: a .csv, .tsv, .jsonl or .parquet file, or a catalog name such as "imdb".
        text: the column with the texts; found by its name, else the one with the longest values.
        label: the column with the classes; found by its name, else the one with the fewest.
        split: which part of a catalog data set.

    Returns:
        Texts and labels; lone surrogates replaced, nothing else changed.

    Raises:
        UsageError: a named column is not there.
        DataError: no column fits, a label is empty, or there is one class only.
    """
    if str(source) in entries() and not Path(source).exists():
        return _from_catalog(resolve(str(source)), split)
    table = read_table(Path(source))
    for name in (text, label):
        if name is not None and name not in table.columns:
            raise UsageError(f"{source} has no column {name!r}: it has {list(table.columns)}")
    text_column = text or _find_text(table, label)
    label_column = label or _find_label(table, text_column)
    labels = table.columns[label_column]
    if "" in labels:
        raise DataError(f"{source}: the label in row {labels.index('') + 1} is empty")
    found = len(set(labels))
    if not 2 <= found <= MOST_LABELS:
        raise DataError(
            f"{source}: column {label_column!r} has {found} classes: 2 to {MOST_LABELS} can be told apart"
        )
    return Labelled(
        texts=[scrub(value) for value in table.columns[text_column]], labels=labels, source=str(source)
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


def _find_text(table: StringTable, label: str | None) -> str:
    named = [name for name in table.columns if name.lower() in TEXT_NAMES and name != label]
    if named:
        return named[0]
    others = [name for name in table.columns if name != label]
    if not others:
        raise DataError(f"{table.path} has no column of texts: it has {list(table.columns)}")
    return max(others, key=lambda name: sum(map(len, table.columns[name])))


def _find_label(table: StringTable, text: str) -> str:
    named = [name for name in table.columns if name.lower() in LABEL_NAMES and name != text]
    if named:
        return named[0]
    others = [name for name in table.columns if name != text]
    if not others:
        raise DataError(f"{table.path} has no column of labels beside {text!r}: it has {list(table.columns)}")
    return min(others, key=lambda name: len(set(table.columns[name])))


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
