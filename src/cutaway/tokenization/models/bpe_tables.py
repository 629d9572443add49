"""What the byte-pair kernels read: tokens, merges and symbols as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from cutaway.tokenization.kernels import bpe_merging, bpe_tables, tiles, tokens
from cutaway.tokenization.models.bpe import BytePairEncoding

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Merging = tuple[Words, Ints, Ints, Ints, Ints]
Tokens = tuple[Bytes, Longs, Words]
Tiles = tuple[Words, Ints, NDArray[np.uint32], Words, Tokens]

CODE_POINTS = 0x110000
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


def byte_pair_tables(
    model: BytePairEncoding, spelled: Mapping[int, bytes], symbols: Ints
) -> tuple[Words, Merging, Tiles]:
    """Build the tables of one model.

    Args:
        model: vocabulary, merges and settings, without prefix and suffix.
        spelled: the bytes of text that each id stands for, for all that merges may make.
        symbols: the id of each byte, (256,), or code point, (0x110000,), before any merge; -1 for none.

    Returns:
        The word table; the merges, what each makes, symbols and fallbacks; what tokens are laid by.
    """
    known = token_table(spelled)
    sides, ranks = _merges(model, known)
    pairs = np.full(_slots(len(ranks)), _EMPTY)
    bpe_tables.fill_merges(sides, ranks, pairs)
    made = np.zeros(int(ranks.max(initial=0)) + 1, np.int32)
    made[ranks] = sides[2::3]
    history = _history(len(known[1]) - 1, symbols)
    if bpe_tables.fill_history(sides, ranks, pairs, history):
        # A quarter full, so that the first two places nearly always tell.
        pairs = np.full(_slots(2 * int((history[:: tiles.HISTORY] >= 0).sum())), _EMPTY)
        bpe_tables.fill_last_merges(history, pairs)
    else:
        history = np.empty(0, np.int32)
    openings = np.empty(bpe_merging.OPENINGS**2, np.int32)
    bpe_tables.fill_openings(pairs, openings)
    merging = (pairs, made, symbols, _fallbacks(model), openings)
    words = np.zeros(_slots(len(spelled)) * tokens.WORD_SLOT, np.uint64)
    every = int(model.settings.whole_words == "first")
    if bpe_tables.fill_words(known, _reached(known, merging, history), words, every) and every:
        history = np.empty(0, np.int32)  # some tokens are words but never parts of one
    sizes = np.zeros(tiles.OPENINGS, np.uint32)
    bpe_tables.fill_sizes(*known[:2], sizes)
    return words, merging, (pairs, history, sizes, words, known)


def _merges(model: BytePairEncoding, known: Tokens) -> tuple[Ints, Ints]:
    """Return left, right and result of each merge, end to end, in the order of ranks; and the ranks."""
    if model.merges is None:
        sides = np.empty(3 * bpe_tables.list_merges(known, np.empty(0, np.int32)), np.int32)
        bpe_tables.list_merges(known, sides)
        return sides, sides[2::3].copy()
    ids = model.vocabulary
    sides = np.array([(ids[a], ids[b], ids[a + b]) for a, b in model.merges], np.int32).reshape(-1)
    return sides, np.arange(len(model.merges), dtype=np.int32)


def _history(count: int, symbols: Ints) -> Ints:
    history = np.full((count, tiles.HISTORY), tiles.NEVER, np.int32)
    history[symbols[symbols >= 0]] = -1
    return history.reshape(-1)


def _reached(known: Tokens, merging: Merging, history: Ints) -> NDArray[np.bool_]:
    """Return which tokens merging leads to."""
    reached = np.zeros(len(known[1]) - 1, np.bool_)
    if len(history):
        np.not_equal(history[:: tiles.HISTORY], tiles.NEVER, out=reached)
        return reached
    from cutaway.tokenization.kernels.bpe_reached import fill_reached

    ids = np.empty(int(np.diff(known[1]).max()) + 1, np.int32)
    fill_reached(known, merging, np.empty(bpe_merging.SHORT, np.int32), ids, reached)
    return reached


def token_table(spelled: Mapping[int, bytes]) -> Tokens:
    """Return the bytes of all tokens, where each id's start, and a hash table of them."""
    every = [spelled.get(token, b"") for token in range(max(spelled) + 1)]
    letters = np.frombuffer(b"".join(every) + bytes(tokens.PADDING), np.uint8)
    starts = np.array([0, *accumulate(map(len, every))], np.int64)
    known = (letters, starts, np.zeros(_slots(len(spelled)) * tokens.TOKEN_SLOT, np.uint64))
    bpe_tables.fill_tokens(known)
    return known


def seam_table(known: Tokens) -> Words:
    """Return which bytes stand around borders inside tokens, one bit for each hash of them."""
    from cutaway.tokenization.kernels import seams  # few texts have long words: compiled for the first one

    found = np.zeros(seams.SEAMS, np.uint64)
    seams.fill_seams(*known[:2], found)
    return found


def _fallbacks(model: BytePairEncoding) -> Ints:
    """Return what stands for a character without a symbol: bytes, the piece for the unknown, or nothing."""
    found = np.full(bpe_merging.FALLBACKS, -1, np.int32)
    ids = [model.vocabulary.get(f"<0x{byte:02X}>", -1) for byte in range(256)]
    if model.settings.fallback == "bytes" and min(ids) >= 0:
        found[:256] = ids
    if model.settings.unknown is not None:
        found[bpe_merging.UNKNOWN] = model.vocabulary[model.settings.unknown]
    found[bpe_merging.FUSED] = model.settings.unknowns == "together"
    return found


def _slots(entries: int) -> int:
    """Return a power of two over twice as large."""
    return 1 << (2 * entries).bit_length()
