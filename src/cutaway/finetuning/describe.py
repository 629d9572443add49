"""What is in the data, before anything is trained on it: balance, lengths, what will not be read, repeats."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError
from cutaway.finetuning.data import Labelled, Rows
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.near_duplicates import Near, near_duplicates
from cutaway.tokenization.tokenizer import Tokenizer

Counts = NDArray[np.int64]
Keys = NDArray[np.uint64]

TEXTS_AT_A_TIME = 4096
BARS = 10
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long the texts are.

    Attributes:
        unit: "tokens" or "words".
        median, longest: of a text.
        percentile95: 95 in 100 texts are no longer.
        edges, counts: a histogram: `counts[i]` texts have at least `edges[i]` and fewer than `edges[i + 1]`.
        limit: what the model reads of a text, in the unit; None where it reads everything.
        truncated: share of the texts that are longer than the limit.
        unread: share of all tokens beyond it.
    """

    unit: str
    median: int
    percentile95: int
    longest: int
    edges: list[int]
    counts: list[int]
    limit: int | None
    truncated: float
    unread: float


@dataclass(frozen=True, kw_only=True)
class Description:
    """A table of labelled texts in figures.

    Attributes:
        source: where it came from.
        rows: how many.
        classes: rows of each class, the largest first.
        lengths: how long the texts are.
        duplicates: rows whose text, case and white space aside, stands in an earlier row.
        contradictions: of those, rows with another label than the earlier one; (earlier, row) from 0.
        leaks: rows of the held-out part whose text is trained on too; (training row, held-out row) from 0.
        near: of the other held-out rows those whose text is almost trained on, and how alike, 0 to 1.
        replaced: how many bytes that were not UTF-8 became U+FFFD.
    """

    source: str
    rows: int
    classes: dict[str, int]
    lengths: Lengths
    duplicates: int
    contradictions: list[tuple[int, int]]
    leaks: list[tuple[int, int]]
    near: list[Near]
    replaced: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the figures as lines for people."""
        told = [f"{self.source}: {self.rows:,} rows", *self._balance(), *_histogram(self.lengths)]
        if self.replaced:
            told.append(f"replaced: {self.replaced:,} bytes that were not UTF-8")
        if self.duplicates:
            told.append(
                f"duplicates: {self.duplicates:,} rows repeat an earlier text"
                + _shown(self.contradictions, "with another label")
            )
        if self.leaks:
            told.append(
                f"leakage: {len(self.leaks):,} held-out rows are in the training part too"
                + _shown(self.leaks, "training and held-out row")
                + ": their score is too good"
            )
        if self.near:
            most = sorted(self.near, key=lambda one: -one.similarity)
            some = ", ".join(f"{a + 1} and {b + 1} {alike:.0%}" for a, b, alike in most[:SHOWN])
            told.append(
                f"near leakage: {len(self.near):,} more held-out rows are almost in the training part "
                f"(training and held-out row, runs of three words they share: {some}"
                f"{', ...' if len(most) > SHOWN else ''})"
            )
        return told

    def _balance(self) -> Iterator[str]:
        widest = max(len(name) for name in self.classes)
        for name, count in list(self.classes.items())[:20]:
            yield f"  {name:<{widest}}  {count:>8,}  {count / self.rows:6.1%}"
        if len(self.classes) > 20:
            yield f"  and {len(self.classes) - 20} more classes, down to {min(self.classes.values())} rows"


def describe(
    labelled: Labelled,
    *,
    tokenizer: Tokenizer | None = None,
    inputs: InputSettings | None = None,
    split: tuple[Rows, Rows] | None = None,
) -> Description:
    """Look at labelled texts as a training will.

    Args:
        labelled: the texts.
        tokenizer: the encoder's; without one lengths are counted in words.
        inputs: what of a text is read.
        split: row numbers for training and held out; repeats across them are leaks.

    Returns:
        The figures.

    Raises:
        DataError: there are no rows.

    Example:
        >>> found = describe(Labelled(texts=["a b", "A  b", "c"], labels=["x", "y", "x"], source="here"))
        >>> found.classes, found.duplicates, found.contradictions
        ({'x': 2, 'y': 1}, 1, [(0, 1)])
    """
    if not len(labelled):
        raise DataError(f"{labelled.source} holds no row")
    keys, lengths = _keys_and_lengths(labelled.texts, tokenizer)
    first = _first_rows(keys)
    later = np.flatnonzero(first != np.arange(len(keys)))
    repeats = [(int(first[row]), int(row)) for row in later]
    labels, leaks = labelled.labels, _across(keys, *split) if split else []
    return Description(
        source=labelled.source,
        rows=len(labelled),
        classes=dict(Counter(labels).most_common()),
        lengths=_lengths(lengths, inputs if tokenizer else None, "tokens" if tokenizer else "words"),
        duplicates=len(repeats),
        contradictions=[(a, b) for a, b in repeats if labels[a] != labels[b]],
        leaks=leaks,
        near=_near_leaks(labelled.texts, split, leaks) if split else [],
        replaced=labelled.replaced,
    )


def leaked_rows(training: Sequence[str], test: Sequence[str]) -> list[tuple[int, int]]:
    """Find the texts of a test set that are trained on, case and white space aside.

    Args:
        training: the texts that are trained on.
        test: the texts that the model is scored on.

    Returns:
        (training row, test row), from 0, in the order of the test rows.

    Example:
        >>> leaked_rows(["Good film", "bad"], ["so so", "good  FILM"])
        [(0, 1)]
    """
    keys = np.concatenate([text_keys(training), text_keys(test)])
    both = _across(keys, np.arange(len(training)), np.arange(len(training), len(keys)))
    return [(row, other - len(training)) for row, other in both]


def near_leaks(training: Sequence[str], test: Sequence[str], leaks: Sequence[tuple[int, int]]) -> list[Near]:
    """Find the texts of a test set that are almost trained on, and are no leaks.

    Args:
        training: the texts that are trained on.
        test: the texts that the model is scored on.
        leaks: what `leaked_rows` found in them.

    Returns:
        (training row, test row, how alike), from 0, in the order of the test rows.

    Example:
        >>> near_leaks(["A film to see", "so so"], ["so so", "A film to see!"], [(1, 0)])
        [Near(training=0, held=1, similarity=1.0)]
    """
    told = {row for _, row in leaks}
    return [near for near in near_duplicates(training, test) if near.held not in told]


def without_duplicates(labelled: Labelled) -> Labelled:
    """Return the rows whose text is not in an earlier row, case and white space aside.

    Args:
        labelled: the rows.

    Returns:
        The first row of each text.
    """
    first = _first_rows(text_keys(labelled.texts))
    kept = np.flatnonzero(first == np.arange(len(first)))
    return labelled if len(kept) == len(first) else labelled.pick(kept)


def text_keys(texts: Iterable[str]) -> Keys:
    """Return eight bytes for each text; texts that differ in case or white space alone have the same.

    Args:
        texts: any number.
    """
    return np.fromiter((_key(text) for text in texts), dtype=np.uint64)


def _key(text: str) -> int:
    plain = " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little")


def _keys_and_lengths(texts: Sequence[str], tokenizer: Tokenizer | None) -> tuple[Keys, Counts]:
    """Read the texts once, a few thousand at a time."""
    keys, lengths = [], []
    for start in range(0, len(texts), TEXTS_AT_A_TIME):
        some = texts[start : start + TEXTS_AT_A_TIME]
        keys.append(text_keys(some))
        if tokenizer:
            lengths.append(np.diff(tokenizer.encode_batch(some, special=False).row_starts))
        else:
            lengths.append(np.array([len(text.split()) for text in some], dtype=np.int64))
    return np.concatenate(keys), np.concatenate(lengths).astype(np.int64)


def _first_rows(keys: Keys) -> Counts:
    """For each row, the first row with its key."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _across(keys: Keys, training: Rows, held: Rows) -> list[tuple[int, int]]:
    known, first = np.unique(keys[training], return_index=True)
    at = np.searchsorted(known, keys[held])
    at = np.minimum(at, len(known) - 1)
    found = np.flatnonzero(known[at] == keys[held]) if len(known) else np.zeros(0, np.int64)
    return [(int(training[first[at[row]]]), int(held[row])) for row in found]


def _near_leaks(
    texts: Sequence[str], split: tuple[Rows, Rows], leaks: Sequence[tuple[int, int]]
) -> list[Near]:
    """The same for row numbers of one table."""
    training, held = split
    place = {int(row): at for at, row in enumerate(held)}
    found = near_leaks(
        [texts[row] for row in training], [texts[row] for row in held], [(a, place[b]) for a, b in leaks]
    )
    return [Near(int(training[a]), int(held[b]), alike) for a, b, alike in found]


def _lengths(lengths: Counts, inputs: InputSettings | None, unit: str) -> Lengths:
    limit = inputs.max_tokens - 2 if inputs else None
    top = int(np.percentile(lengths, 99))
    step = _round_up(max(1, top // BARS))
    edges = [step * at for at in range(BARS + 1)] + [int(max(lengths.max() + 1, step * BARS + 1))]
    counts, _ = np.histogram(lengths, bins=edges)
    over = np.maximum(lengths - limit, 0) if limit else np.zeros_like(lengths)
    return Lengths(
        unit=unit,
        median=int(np.median(lengths)),
        percentile95=int(np.percentile(lengths, 95)),
        longest=int(lengths.max()),
        edges=edges,
        counts=counts.tolist(),
        limit=limit,
        truncated=float((over > 0).mean()),
        unread=float(over.sum() / max(1, lengths.sum())),
    )


def _round_up(step: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50 ..."""
    scale: int = 10 ** (len(str(step)) - 1)
    return next(nice * scale for nice in (1, 2, 5, 10) if nice * scale >= step)


def _histogram(lengths: Lengths) -> Iterator[str]:
    yield (
        f"{lengths.unit} in a text: median {lengths.median:,}, 95 in 100 up to {lengths.percentile95:,}, "
        f"longest {lengths.longest:,}"
    )
    most = max(lengths.counts)
    for low, high, count in zip(lengths.edges, lengths.edges[1:], lengths.counts, strict=False):
        if count:
            yield f"  {low:>7,} to {high - 1:>7,}  {count:>8,}  {'█' * max(1, round(30 * count / most))}"
    if lengths.limit is not None:
        yield (
            f"read of a text: {lengths.limit} {lengths.unit} at most; {lengths.truncated:.1%} of the texts "
            f"are longer, {lengths.unread:.1%} of all {lengths.unit} are not read"
        )


def _shown(pairs: Sequence[tuple[int, int]], what: str) -> str:
    """The first pairs, counted from 1 as people do."""
    if not pairs:
        return ""
    some = ", ".join(f"{a + 1} and {b + 1}" for a, b in pairs[:SHOWN])
    return f", {len(pairs):,} {what} ({some}{', ...' if len(pairs) > SHOWN else ''})"
