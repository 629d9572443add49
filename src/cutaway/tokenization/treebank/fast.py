"""Treebank words of many texts at once: the rules compiled, each word a range of its text.

Imports NumPy and numba: import this file inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.text import scrub
from cutaway.tokenization.kernels import treebank as kernels
from cutaway.tokenization.kernels import treebank_marks as marks_of
from cutaway.tokenization.models.blocks import Ints, Longs, Pool, Scratch, processors
from cutaway.tokenization.models.turns import Turns
from cutaway.tokenization.treebank.marks import fold
from cutaway.tokenization.word_spans import WordSpan

_BLOCK = 1 << 18  # characters
_PLANE = 0x10000
_ALONE = {
    "«“‘„": marks_of.OPENS,
    ";@#$%&‒–—―": marks_of.SYMBOL,
    "?!": marks_of.ENDS,
    "*[](){}<>": marks_of.BRACKET,
    "»”’": marks_of.CLOSES,
}
_OTHERS = "\"'`.,:-"
_BEGIN = "cdglmw"  # cannot, d'ye, gonna, lemme, more'n, wanna
_WRITTEN = {marks_of.OPENING_WORD: "``", marks_of.CLOSING_WORD: "''"}
_scratches = Pool(Scratch)


@dataclass(frozen=True, kw_only=True)
class WordBatch:
    """The words of many texts, as flat arrays.

    Attributes:
        texts: the texts.
        starts: the first character of each word in its text, (words,) int32.
        ends: the character behind its last, (words,) int32.
        kinds: 1 for a quotation mark that opens, 2 for one that closes, 0 for a word as written, (words,).
        row_starts: where each text's words start, and the end, (texts + 1,) int64.
    """

    texts: Sequence[str]
    starts: Ints
    ends: Ints
    kinds: NDArray[np.uint8]
    row_starts: Longs

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[list[WordSpan]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> list[WordSpan]:
        """Return the words of a text, as `treebank_words` does.

        Raises:
            ShapeError: there is no such text.
        """
        if not 0 <= row < len(self):
            raise ShapeError(f"row {row} is outside the batch of {len(self)} texts")
        own = slice(int(self.row_starts[row]), int(self.row_starts[row + 1]))
        text = scrub(self.texts[row])
        kinds = self.kinds[own].tolist()
        return [
            WordSpan(_WRITTEN[kind] if kind else text[start:end], start, end)
            for kind, start, end in zip(
                kinds, self.starts[own].tolist(), self.ends[own].tolist(), strict=True
            )
        ]


def treebank_batch(texts: Sequence[str], *, threads: int | None = None) -> WordBatch:
    """Cut many texts into words by the rules of the Penn Treebank: the fast path.

    Args:
        texts: a list of strings, best single sentences.
        threads: how many to use; by default one for each processor core.

    Returns:
        The words of `treebank_words`, as arrays.

    Raises:
        DataError: a text is not a string.
        UsageError: texts is one string, or threads is under 1.

    Example:
        >>> [word.text for word in treebank_batch(["I can't."])[0]]
        ['I', 'ca', "n't", '.']
    """
    if isinstance(texts, str):
        raise UsageError("texts is one string: pass a list of strings")
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}: it must be at least 1")
    blocks = Turns(texts, threads or processors(), _BLOCK).each(lambda _, rows: _cut_block(rows))
    row_starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.concatenate([lengths for _, _, _, lengths in blocks]), out=row_starts[1:])
    starts, ends, kinds = (np.concatenate([block[part] for block in blocks]) for part in range(3))
    return WordBatch(texts=texts, starts=starts, ends=ends, kinds=kinds, row_starts=row_starts)


def _cut_block(texts: Sequence[str]) -> tuple[Ints, Ints, NDArray[np.uint8], Longs]:
    """Return start, end and kind of every word, and how many words each text has."""
    with _scratches.one() as scratch:
        return _cut_with(scratch, texts)


def _cut_with(scratch: Scratch, texts: Sequence[str]) -> tuple[Ints, Ints, NDArray[np.uint8], Longs]:
    joined = "\n".join([*texts, ""])
    try:
        raw = joined.encode("utf-32-le")
    except UnicodeEncodeError:
        raw = scrub(joined).encode("utf-32-le")
    codes = np.frombuffer(raw, np.int32).copy()
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1, out=bounds[1:])
    starts, ends = scratch.ints("starts", len(codes)), scratch.ints("ends", len(codes))
    longest = int(np.diff(bounds).max(initial=0))
    cut, edges = np.zeros(len(codes), np.uint8), np.empty(len(codes), np.uint8)
    room = (cut, edges, scratch.ints("marks", longest), scratch.ints("begins", longest))
    kinds, row_starts = np.empty(len(codes), np.uint8), np.empty(len(bounds), np.int64)
    count = kernels.cut_rows(codes, bounds, _tables(), room, (starts, ends, kinds, row_starts))
    return starts[:count].copy(), ends[:count].copy(), kinds[:count].copy(), row_starts[1:] - row_starts[:-1]


@cache
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return class, small ASCII letter and kind of every code point, and of the two for quotation marks."""
    classes = np.zeros(marks_of.CODES, np.uint8)
    for pattern, bit in ((r"\w", marks_of.WORD), (r"\d", marks_of.DIGIT), (r"\s", marks_of.SPACE)):
        found: Any = regex.compile(pattern + "+")
        for first in range(0, marks_of.OPENING, _PLANE):
            for run in found.finditer("".join(map(chr, range(first, first + _PLANE)))):
                classes[first + run.start() : first + run.end()] |= bit
    letters, kinds = np.zeros(marks_of.CODES, np.uint8), np.zeros(marks_of.CODES, np.uint8)
    _mark(classes, marks_of.PLAIN, lambda char: char == "_" or char.isalnum())
    _mark(classes, marks_of.BLANK, str.isspace)
    classes[(classes & (marks_of.SPACE | marks_of.BLANK)) != 0] |= marks_of.MARK
    classes[ord(" ")] &= 0xFF - marks_of.MARK
    for code in range(marks_of.OPENING):
        folded = fold(chr(code))
        if len(folded) == 1 and folded.isascii():
            letters[code] = ord(folded)
    for begin in _BEGIN:
        classes[letters == ord(begin)] |= marks_of.BEGINS
    for marks, kind in _ALONE.items():
        kinds[[ord(mark) for mark in marks]] = kind
    classes[[ord(mark) for mark in "".join(_ALONE) + _OTHERS]] |= marks_of.MARK
    return classes, letters, kinds


def _mark(classes: NDArray[np.uint8], bit: int, holds: Callable[[str], bool]) -> None:
    classes[[code for code in range(marks_of.OPENING) if holds(chr(code))]] |= bit
