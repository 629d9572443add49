"""What the kernels read: characters, pieces and special tokens as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from cutaway.tokenization.kernels import wordpiece as kernels
from cutaway.tokenization.normalizers.characters import (
    HANGUL_FIRST,
    HANGUL_LAST,
    Characters,
    Kind,
    bert_characters,
)
from cutaway.tokenization.vocabulary import PREFIX, Vocabulary

CODE_POINTS = 0x110000
_SURROGATES = slice(0xD800, 0xE000)

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
SpecialTables = tuple[NDArray[np.uint8], Longs, Ints]

_KINDS: dict[Kind, int] = {
    "removed": kernels.NOTHING,
    "space": kernels.SPACE,
    "ideograph": kernels.ALONE,
    "punctuation": kernels.ALONE,
    "mark": kernels.NOTHING,
    "word": kernels.WORD,
}


@cache
def character_tables(opening: frozenset[str]) -> tuple[Ints, Ints, Ints, Ints]:
    """Pack every character's kind and fold into one number; tokenizers share the result.

    Args:
        opening: the characters that a special token may start with.

    Returns:
        The entry of each byte of UTF-8, (256,); the entry of each code point, (0x110000,); where each
        fold to several characters starts; these folds' characters, end to end.
    """
    characters = bert_characters()
    entries = _single_entries(characters)
    long: list[str] = []
    for char in [*characters.decomposed, *map(chr, range(HANGUL_FIRST, HANGUL_LAST + 1))]:
        known = characters[char]
        entry = _KINDS[known.kind]
        if any(combining_class and fold for combining_class, fold in known.parts):
            entry |= kernels.SORTED
        if len(known.becomes) > 1:
            entry |= kernels.LONG | len(long) << kernels.FOLD
            long.append(known.becomes)
        elif known.becomes:
            entry |= ord(known.becomes) << kernels.FOLD
        entries[ord(char)] = entry
    for char in opening:
        entries[ord(char)] |= kernels.OPENS_SPECIAL
    chars, starts = _flat(long)
    bytes_ = np.full(256, kernels.MORE_BYTES, np.int32)
    bytes_[:128] = entries[:128]
    return bytes_, entries, starts.astype(np.int32), chars


def piece_tables(vocabulary: Vocabulary) -> tuple[NDArray[np.uint64], Longs]:
    """Build the word table and the trie, each at most half full."""
    inner = [len(piece) > len(PREFIX) and piece.startswith(PREFIX) for piece in vocabulary.pieces]
    bare = [
        piece.removeprefix(PREFIX) if is_inner else piece
        for piece, is_inner in zip(vocabulary.pieces, inner, strict=True)
    ]
    chars, starts = _flat(bare)
    flags = np.array(inner, np.uint8)
    words = np.zeros(_slots(len(bare)) * kernels.WORD_SLOT, np.uint64)
    roomy = np.zeros(_slots(len(chars)) * kernels.EDGE_SLOT, np.int64)
    nodes = kernels.build(chars, starts, flags, words, roomy)  # counts the edges, which share prefixes
    edges = np.zeros(_slots(nodes) * kernels.EDGE_SLOT, np.int64)
    kernels.build(chars, starts, flags, words, edges)
    return words, edges


def special_tables(special: Mapping[str, int]) -> SpecialTables:
    """Return the special tokens' bytes, where each starts, and their ids; longest first."""
    tokens = sorted(special, key=len, reverse=True)
    raw = [token.encode("utf-8") for token in tokens]
    starts = np.array([0, *accumulate(map(len, raw))], np.int64)
    ids = np.array([special[token] for token in tokens], np.int32)
    return np.frombuffer(b"".join(raw), np.uint8).copy(), starts, ids


def _single_entries(characters: Characters) -> Ints:
    """Return entries for characters that do not decompose: lower-case of each, and its kind."""
    fold = np.arange(CODE_POINTS, dtype=np.int32)
    for first, last, step, distance in characters.lower.rows:
        fold[first : last + 1 : step] += distance
    entries: Ints = fold << kernels.FOLD
    for kind, ranges in characters.kinds.items():
        for first, last in ranges.rows:
            entries[first : last + 1] |= _KINDS[kind]
    for first, last, _ in characters.combining.rows:
        entries[first : last + 1] |= kernels.SORTED
    entries[_SURROGATES] = kernels.NOTHING
    return entries


def _flat(strings: Sequence[str]) -> tuple[Ints, Longs]:
    """Return strings as code points end to end, and where each starts, and the end."""
    chars = np.frombuffer("".join(strings).encode("utf-32-le"), np.int32).copy()
    return chars, np.array([0, *accumulate(map(len, strings))], np.int64)


def _slots(entries: int) -> int:
    """Return a power of two over twice as large."""
    return 1 << (2 * entries).bit_length()
