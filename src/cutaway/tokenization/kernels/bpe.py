"""Compiled byte-pair encoding: words, as their ends in a text, in; ids out.

The definition is models/bpe.py. Words go through in tiles of a thousand, every tile in four rounds, so that
nothing waits for one word's memory while another's could be asked for:

- each word of up to fifteen bytes is looked for among the words met before, without a branch on the answer;
- those not there (one in twenty of English) are looked for among the tokens;
- those that are no token either (one in fifty) are merged, eight side by side (kernels/side_by_side.py);
- the ids of all are written in order. Long words get theirs here: laid out in tokens that fit
  (kernels/tiles.py), or merged where that is not possible (kernels/bpe_merging.py).

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.bpe_merging import MERGING, SHORT, merge_word
from cutaway.tokenization.kernels.bpe_tiles import (
    FOUND,
    MEMORY_IDS,
    ROOM,
    TILE,
    know,
    look_up,
    merge_missed,
)
from cutaway.tokenization.kernels.cutting import scan
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tiles import TILES, lay_tokens
from cutaway.tokenization.kernels.tokens import PACKED, SYMBOL_BITS, UNREACHED, token_hash, token_slot

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)
_UNREACHED, _FOUND_OF = np.uint64(UNREACHED), np.uint64(FOUND)
_FOURTH_AT, _SIZE_AT = np.uint64(SYMBOL_BITS), np.uint64(2 * SYMBOL_BITS)
_ID = np.uint64((1 << SYMBOL_BITS) - 1)
_KEPT = np.uint64(((MEMORY_IDS + 1) << (2 * SYMBOL_BITS)) - 1)

# The word table, the merges, what tokens are laid by; the memory, room for ranks, room for a tile.
_TABLES = f"Tuple((uint64[::1], {MERGING}, {TILES}, uint64[::1], int32[::1], {ROOM}))"
_OUT = "Tuple((int32[::1], int64[::1]))"
# Words, as their ends; the number of each stretch's first.
_CUT = "Tuple((int32[::1], int64[::1]))"
_STRETCHES = "Tuple((int32[::1], int64[::1]))"
# Where each stretch starts and ends; classes; rules.
_PATTERN = "Tuple((UniTuple(int64[::1], 2), uint8[::1], int64[::1]))"


@kernel(f"int64({TEXT}, int64, int64, {_TABLES}, int32[::1], int64)", arrays="borrowed", callers="kernels")
def rare_word(text: Any, start: Any, end: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a word that does not pack; return the next place."""
    if end - start <= PACKED:
        return at  # it has none: no symbol stands for any of it
    tokens = tables[2][4]
    slot = token_slot(text, start, end, token_hash(text, start, end), tokens)
    found = tokens[2][slot + 1]
    if 0 < found < _UNREACHED:
        ids[at] = found - _ONE
        return at + 1
    if end - start > SHORT and len(tables[2][1]) > 0:
        after = lay_tokens(text, start, end, tables[2], ids, at)
        if after >= 0:
            return after
    return merge_word(text, (start, end), tables[1], tables[4], ids, at)


@kernel(f"int64({TEXT}, {_CUT}, int64, {_TABLES})", arrays="borrowed", callers="kernels", calls="inlined")
def fill_tile(text: Any, cut: Any, begun: Any, tables: Any) -> Any:
    """Find out what is known of the words from `begun` on; return where the tile ends."""
    words, firsts = cut
    memory, room = tables[3], tables[5]
    ready = min(begun + TILE, firsts[len(firsts) - 1])
    count = look_up(text, words, (begun, ready), (memory, room[0], room[1]))
    if count > 0:
        count = know(text, words, (begun, count), tables[0], memory, room)
        merge_missed(text, count, tables[1], memory, room)
    return ready


@kernel(
    f"int64({TEXT}, int32[::1], UniTuple(int64, 3), {_TABLES}, int32[::1], int64)",
    arrays="borrowed",
    callers="kernels",
    calls="inlined",
)
def write_words(text: Any, words: Any, part: Any, tables: Any, ids: Any, at: Any) -> Any:
    """Write the ids of words part[0] to part[1], of the tile from part[2] on; return the next place."""
    first, last, begun = part
    room, at = tables[5], np.uint64(at)
    found = room[0]
    for word in range(np.uint64(first), np.uint64(last)):
        which = (word - np.uint64(begun)) * _FOUND_OF
        opening, closing = found[which], found[which + _ONE]
        if closing - _ONE < _KEPT:
            ids[at], ids[at + _ONE] = opening & _LOW_HALF, opening >> _HALF
            ids[at + _TWO], ids[at + _THREE] = closing & _ID, closing >> _FOURTH_AT & _ID
            at += closing >> _SIZE_AT
        elif closing != 0:
            for k in range(closing >> _SIZE_AT):
                ids[at] = room[3][opening + k]
                at += _ONE
        else:
            start = np.int64(words[word - _ONE]) if word > 0 else np.int64(0)
            at = np.uint64(rare_word(text, start, np.int64(words[word]), tables, ids, np.int64(at)))
    return np.int64(at)


@kernel(
    f"int64({TEXT}, {_PATTERN}, {_CUT}, {_STRETCHES}, {_TABLES}, UniTuple(int64, 4), {_OUT})",
    arrays="borrowed",
)
def encode_rows(
    text: Any, pattern: Any, cut: Any, stretches: Any, tables: Any, settings: Any, out: Any
) -> Any:
    """Cut the text, write the ids of every row; return how many, or -1 if long words must be cut further.

    All in one call: a thread that asks for the interpreter's lock between two of them waits there for
    another's whole preparation, block after block.

    Args:
        text: UTF-8, stretches one after the other, then padding.
        pattern: where each stretch starts and ends, none where `cut` is filled already; the class of each
            code point, the rules.
        cut: the end of each word, each of which starts where the one before ends; the number of each
            stretch's first word, and the end.
        stretches: the id that each stands for, -1 for ordinary text; the number of each row's first, and the
            end.
        tables: the word table; the merges, what each makes, symbols and fallbacks; what tokens are laid by,
            its history empty where they cannot be; the memory; room for ranks and for a tile.
        settings: ids put first and last (-1: none is added), most tokens between these two; 1 where long
            words are to be cut at seams before they are encoded.
        out: takes the ids, with room for two more in each row and four at the end; takes where each row
            starts, and the end.
    """
    (words, firsts), (given, rows) = cut, stretches
    ids, row_starts = out
    bounds, classes, rules = pattern
    if len(bounds[0]) > 0:
        _, long = scan(text, bounds, classes, rules, words, firsts)
        if long > 0 and settings[3] > 0:
            return np.int64(-1)
    at, word, begun, ready = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for row in range(len(rows) - 1):
        row_starts[row] = at
        if settings[0] >= 0:
            ids[at] = settings[0]
            at += 1
        begin_row = at
        for which in range(rows[row], rows[row + 1]):
            if given[which] >= 0:
                ids[at] = given[which]
                at += 1
            while word < firsts[which + 1]:
                if word == ready:
                    begun, ready = word, fill_tile(text, cut, word, tables)
                until = min(firsts[which + 1], ready)
                at = write_words(text, words, (word, until, begun), tables, ids, at)
                word = until
        at = at if at - begin_row <= settings[2] else begin_row + settings[2]
        if settings[1] >= 0:
            ids[at] = settings[1]
            at += 1
    row_starts[len(rows) - 1] = at
    return at


def already_cut() -> tuple[object, ...]:
    """Return a pattern that cuts nothing: for text whose words are known."""
    none = np.empty(0, np.int64)
    return (none, none), np.empty(0, np.uint8), none
