"""How often each word comes: all that training needs of texts, in memory for the distinct words only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import numpy as np

from cutaway.core.errors import DataError
from cutaway.core.text import scrub
from cutaway.tokenization.kernels import counting, cutting
from cutaway.tokenization.kernels.tokens import WORD_SLOT
from cutaway.tokenization.models.blocks import starts_of
from cutaway.tokenization.models.scanner import class_table, rule_numbers
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.pipeline import OpenPath, Pipeline
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.splitters.patterns import Rules

_ROWS: Final = 256
_FIRST_ROOM: Final = 1 << 16
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_PLAIN_CHUNK: Final = re.compile(r"[!-~]+")


def count_byte_words(texts: Iterable[str], rules: Rules) -> Counter[bytes]:
    """Count the words that a split pattern cuts.

    Args:
        texts: any number, read once.
        rules: the pattern's.

    Returns:
        Each word's bytes and how often it came.

    Raises:
        DataError: a text is not a string.
    """
    table, used = np.zeros(_FIRST_ROOM * WORD_SLOT, np.uint64), 0
    long_words: Counter[bytes] = Counter()
    classes, numbers = class_table(), rule_numbers(rules)
    checked = _checked(texts)
    while rows := list(islice(checked, _ROWS)):
        parts = [row.encode("utf-8") for row in rows]
        raw = b"".join([*parts, bytes(cutting.PADDING)])
        text = np.frombuffer(raw, np.uint8)
        bounds = starts_of(np.fromiter(map(len, parts), np.int64, len(parts)))
        words, firsts = np.empty(len(text), np.int32), np.empty(len(parts) + 1, np.int64)
        count, _ = cutting.scan(text, (bounds[:-1], bounds[1:]), classes, numbers, words, firsts)
        places = np.empty(len(text) // 8 + 2, np.int64)
        at = 0
        while at < count:
            if 4 * used > len(table) // WORD_SLOT:
                larger = np.zeros(4 * len(table), np.uint64)
                counting.move_counts(table, larger)
                table = larger
            room = len(table) // (4 * WORD_SLOT)
            last = min(count, at + room)
            start = int(words[at - 1]) if at else 0
            at, new, long = counting.count_words(text, words, (at, last, start), table, places)
            used += new
            for start, end in places[: 2 * long].reshape(-1, 2).tolist():
                long_words[raw[start:end]] += 1
    return long_words + Counter(dict(_unpacked(table)))


def count_bert_words(texts: Iterable[str], normalizer: Bert) -> Counter[str]:
    """Count the words that BERT's normalizer and splitter make of texts.

    What stands between spaces is counted first, so that each such chunk is normalized once.

    Args:
        texts: any number, read once.
        normalizer: cased or not.

    Returns:
        Each word and how often it came.

    Raises:
        DataError: a text is not a string.
    """
    chunks: Counter[str] = Counter()
    for text in _checked(texts):
        chunks.update(text.split(" "))
    from cutaway.tokenization.models.word_level import WordLevel

    pipeline = Pipeline(model=WordLevel({"": 0}), normalizer=normalizer, splitter=BertSplitter())
    path = OpenPath(pipeline)
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        if normalizer.is_uncased and _PLAIN_CHUNK.fullmatch(chunk):
            found = _ASCII_WORD.findall(chunk.lower())
        else:
            found = [word.text.text for word in path.words(chunk)]
        for word in found:
            words[word] += count
    return words


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {row} is {type(text).__name__}, not a string: pass strings")
        yield scrub(text)


def _unpacked(table: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> Iterator[tuple[bytes, int]]:
    slots = table.reshape(-1, WORD_SLOT)
    slots = slots[slots[:, 1] != 0]
    raw = np.ascontiguousarray(slots[:, :2]).tobytes()
    for at, count in enumerate(slots[:, 2].tolist()):
        word = raw[16 * at : 16 * at + 16]
        yield word[: word[15]], count
