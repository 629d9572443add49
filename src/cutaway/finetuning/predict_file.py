"""A file of texts to a file of answers: any size, goes on after a kill, whole under its name or absent.

Probabilities go into a journal beside the output, block by block; the output itself is written from the
journal in the end. So an interrupted prediction gives, once finished, the bytes of an uninterrupted one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from cutaway.core.errors import DataError, UsageError
from cutaway.core.files import check_writable, whole_file
from cutaway.core.text import Undecodable
from cutaway.finetuning.answer_files import Answered, added_columns, writers
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.columns import TextColumn
from cutaway.finetuning.data import find_text
from cutaway.finetuning.inputs import rows_of
from cutaway.finetuning.journal import Journal, Probabilities, read_about
from cutaway.finetuning.precision import Asked, Chosen, choose_precision
from cutaway.finetuning.predictions import ABSTAIN, check_threshold, labels_of
from cutaway.finetuning.tables import StringTable, read_table
from cutaway.finetuning.version import version_of

BLOCK_ROWS = 1024
FORMAT = "cutaway-predictions/1"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class FileSettings:
    """How a file of texts is answered.

    Attributes:
        text: the column of texts; found if not given.
        precision: as in `Classifier.predict`.
        threshold: the least probability of a label that is given, else it is "abstain".
        undecodable: what to do with bytes that are not UTF-8.
    """

    text: str | None = None
    precision: Asked = "auto"
    threshold: float | None = None
    undecodable: Undecodable = "strict"


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What came of it.

    Attributes:
        rows: answered, in the output.
        resumed: of them, taken over from an earlier try.
        labels: how many rows got each label, "abstain" among them.
        chosen: the precision, and why it is not the one asked for.
    """

    rows: int
    resumed: int
    labels: dict[str, int]
    chosen: Chosen


def predict_file(
    classifier: Classifier,
    source: Path,
    target: Path,
    settings: FileSettings | None = None,
    *,
    told: Callable[[int, int], object] = lambda done, total: None,
) -> FileReport:
    """Answer every text of a table and write the table with its answers.

    Args:
        classifier: trained.
        source: a .csv, .tsv, .jsonl, .parquet or .arrow file; `-` is standard input.
        target: a .csv, .tsv, .jsonl or .parquet file; one that is there is replaced in the end.
        settings: what differs from the defaults.
        told: called with the rows done and their number, after each block.

    Returns:
        Rows, labels, precision.

    Raises:
        UsageError: the output's ending is not known, it is the input, or a column is not there.
        DataError: a text is empty; the message names its row.
        ResourceError: the disk is full, or another process writes the same output.
    """
    chosen = settings or FileSettings()
    write = writers().get(target.suffix.lower())
    if write is None:
        raise UsageError(
            f"{target}: cannot write {target.suffix or 'a file without an ending'}: use {_known()}"
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the input: name another output")
    check_threshold(chosen.threshold, classifier.settings.labels)
    check_writable(target)
    table = read_table(source, undecodable=chosen.undecodable)
    work = _Work(classifier, table, chosen)
    journal = work.open_journal(target.with_name(f".{target.name}.predicting"))
    try:
        resumed = work.fill(journal, told)
        answered = Answered(
            path=source,
            table=table,
            classes=classifier.settings.labels,
            threshold=chosen.threshold,
            blocks=journal.blocks,
        )
        with whole_file(target) as part:
            write(part, answered)
        report = work.report(journal, resumed)
        journal.remove()
    finally:
        journal.close()
    return report


class _Work:
    """The rows of one table, block by block."""

    def __init__(self, classifier: Classifier, table: StringTable, settings: FileSettings) -> None:
        self._classifier, self._table, self._settings = classifier, table, settings
        name = settings.text or find_text(table, None)
        if name not in table.columns:
            raise UsageError(f"{table.name} has no column {name!r}: it has {list(table.columns)}")
        clash = sorted(set(added_columns(classifier.settings.labels)) & table.columns.keys())
        if clash:
            raise UsageError(f"{table.name} already has a column {clash[0]!r}: rename it")
        self._texts = table.columns[name]
        _check_texts(classifier, self._texts, f"{table.name}: column {name!r}")
        starts = range(0, len(table), BLOCK_ROWS)
        self._blocks = [(start, min(start + BLOCK_ROWS, len(table))) for start in starts]

    def open_journal(self, path: Path) -> Journal:
        """Open the journal; what an earlier try chose to compute in is kept to."""
        about: dict[str, object] = {
            "format": FORMAT,
            "texts": _digest(self._texts),
            "model": version_of(self._classifier),
            "asked": self._settings.precision,
            "block": BLOCK_ROWS,
            "torch": str(torch.__version__),
        }
        earlier = read_about(path)
        kept = earlier.pop("precision", None)
        if earlier == about and kept in ("float32", "bfloat16", "int16", "int8"):
            self.chosen = Chosen(precision=kept)
        else:
            self.chosen = choose_precision(self._classifier, self._sample(), self._settings.precision)
        sizes = [end - start for start, end in self._blocks], len(self._classifier.settings.labels)
        return Journal(path, {**about, "precision": self.chosen.precision}, sizes)

    def fill(self, journal: Journal, told: Callable[[int, int], object]) -> int:
        """Answer the blocks that the journal lacks; return how many rows it had."""
        total = len(self._table)
        resumed = self._blocks[journal.done - 1][1] if journal.done else 0
        told(resumed, total)
        self._classifier.warm_up(self.chosen.precision)
        for start, end in self._blocks[journal.done :]:
            journal.append(self._answer(start, end))
            told(end, total)
        return resumed

    def report(self, journal: Journal, resumed: int) -> FileReport:
        """Count what was answered."""
        classes = self._classifier.settings.labels
        counts = dict.fromkeys((*classes, *([ABSTAIN] if self._settings.threshold else [])), 0)
        for block in journal.blocks():
            for label in labels_of(block, classes, self._settings.threshold):
                counts[label] += 1
        return FileReport(rows=len(self._table), resumed=resumed, labels=counts, chosen=self.chosen)

    def _answer(self, start: int, end: int) -> Probabilities:
        rows = rows_of(self._classifier.tokenizer, self._texts[start:end], self._classifier.settings.inputs)
        found = np.zeros((end - start, len(self._classifier.settings.labels)), dtype=np.float32)
        for at, answer in self._classifier.predict_rows(rows, precision=self.chosen.precision):
            found[at] = answer
        return found

    def _sample(self) -> Sequence[np.ndarray]:
        """Rows from all over the table, enough to choose a precision by."""
        places = np.unique(
            np.linspace(0, len(self._texts) - 1, min(BLOCK_ROWS, len(self._texts))).astype(int)
        )
        texts = [self._texts[int(place)] for place in places]
        return rows_of(self._classifier.tokenizer, texts, self._classifier.settings.inputs)


def _check_texts(classifier: Classifier, texts: TextColumn, where: str) -> None:
    """Read every text once before the first is answered: a bad row shall not be met after an hour."""
    bad: list[int] = []
    block: list[str] = []
    for number, text in enumerate(texts, start=1):
        block.append(text)
        if len(block) == BLOCK_ROWS or number == len(texts):
            bad += _unreadable(classifier, block, number - len(block))
            block = []
    if bad:
        shown = ", ".join(map(str, bad[:_SHOWN])) + ("..." if len(bad) > _SHOWN else "")
        raise DataError(
            f"{where} has no text to read in {len(bad)} of {len(texts)} rows (row {shown}): remove them"
        )


def _unreadable(classifier: Classifier, texts: Sequence[str | None], before: int) -> list[int]:
    """The numbers of texts without a token, the first of which is number `before` + 1."""
    try:
        if None not in texts:
            rows_of(classifier.tokenizer, cast(Sequence[str], texts), classifier.settings.inputs)
            return []
    except DataError:
        pass
    found = []
    for number, text in enumerate(texts, start=before + 1):
        try:
            rows_of(classifier.tokenizer, [text or ""], classifier.settings.inputs)
        except DataError:
            found.append(number)
    return found


def _digest(texts: TextColumn) -> str:
    digest = hashlib.sha256()
    for text in texts:
        raw = text.encode()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()


def _known() -> str:
    return ", ".join(writers())
