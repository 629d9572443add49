"""Compiled Unigram: words cut at spaces in, ids out.

The definition is models/unigram.py. A text says the same few thousand words over and over, so what words of
up to fifteen bytes became is remembered, each in the one place that its hash gives it. Other words go through
Viterbi's algorithm over a trie of bytes.

SentencePiece adds up a whole sentence in single precision, and of two ways to cut a word that are nearly
equal, rounding may choose another one late in a sentence than early. So a remembered word keeps the least
margin by which its way won; where the sum so far is so large that rounding could turn it, the word is
computed again from that sum.

Nothing is validated here. Every text is followed by at least sixteen bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.memory import memory_slot
from cutaway.tokenization.kernels.scan import TEXT
from cutaway.tokenization.kernels.tokens import NO_RANK, PACKED, add_pair, packed, pair_rank

MEMORY_IDS = 3
ID_BITS = 21
SPACE = 32
AFTER_SPACE = 256
# What stands in `settings`.
UNKNOWN, UNKNOWN_SCORE, SINGLE, FALLS_BACK, SETTINGS = 0, 1, 2, 3, 4

_ID_BITS, _TWO_IDS = np.uint64(ID_BITS), np.uint64(2 * ID_BITS)
_ID_MASK, _LOW_HALF = np.uint64((1 << ID_BITS) - 1), np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MARGIN_UNIT = 2.0**-12  # margins are kept in these units, rounded down, in 32 bits
_MOST_UNITS = float((1 << 32) - 1)
# Single precision rounds each sum by half of 2^-23 of it, and a word of n bytes has at most n + 1 sums.
_ROUNDING = 2.0**-22
_SHORT_WORD_UNITS = 24.0 * _ROUNDING / _MARGIN_UNIT
_LARGEST_WORD_SUM = 1000.0

# The trie, the piece at each of its nodes, the score of each piece, the root's child
# for each byte or -1, and the node that ▁ leads to.
TRIE = "Tuple((uint64[::1], int32[::1], float64[::1], int32[::1]))"
# The trie; ids of the 256 bytes; what UNKNOWN to FALLS_BACK say.
_MODEL = f"Tuple(({TRIE}, int32[::1], float64[::1]))"
# For each place of a word: the best sum so far, the margin by which it won, and where and which its piece is.
_ROOM = "Tuple((float64[::1], float64[::1], int32[::1], int32[::1]))"
# The memory, the room, and room for a word with ▁ before it.
_OWN = f"Tuple((uint64[::1], {_ROOM}, uint8[::1]))"


@kernel(f"int64({TEXT}, int64[::1], uint64[::1], int32[::1])", arrays="borrowed")
def fill_trie(letters: Any, starts: Any, children: Any, pieces: Any) -> Any:
    """Put pieces into a trie whose edges are pairs of node and byte; return how many nodes it has.

    Args:
        letters: the bytes of all pieces, end to end.
        starts: where each piece starts, and the end; a piece without bytes is left out.
        children: takes the edges, empty before.
        pieces: takes the piece that ends at each node, -1 for none.
    """
    nodes = np.int64(1)
    pieces[0] = -1
    for piece in range(len(starts) - 1):
        node = np.int64(0)
        for at in range(starts[piece], starts[piece + 1]):
            child = pair_rank(children, node, np.int64(letters[at]))
            if child == NO_RANK:
                child = nodes
                add_pair(children, node, np.int64(letters[at]), child)
                pieces[child] = -1
                nodes += 1
            node = child
        if node > 0:
            pieces[node] = piece
    return nodes


@kernel("int64(uint64[::1], int64, int64)", arrays="borrowed")
def child_of(children: Any, node: Any, byte: Any) -> Any:
    """Return the node that a byte leads to, -1 if there is none."""
    child = pair_rank(children, node, byte)
    return child if child != NO_RANK else np.int64(-1)


@kernel("float64(float64, float64)", arrays="borrowed")
def kept(value: Any, single: Any) -> Any:
    """Return a sum in the precision in which it is kept."""
    return np.float64(np.float32(value)) if single != 0.0 else value


@kernel(
    f"float64({TEXT}, int64, int64, {_MODEL}, float64, {_ROOM})",
    calls="inlined",
    arrays="borrowed",
    callers="kernels",
)
def viterbi(text: Any, start: Any, end: Any, model: Any, before: Any, room: Any) -> Any:
    """Find the best way through text[start:end] when `before` is the sum so far; return its least margin.

    The margin is -1 where a character is unknown.

    For each place, counted from `start`, room takes the best sum, by how much it won, and the piece that ends
    there on the best way: where it starts, and its id.
    """
    (children, pieces, scores, firsts), _, settings = model
    best, margins, froms, ids = room
    size, single = end - start, settings[SINGLE]
    for k in range(size + 1):
        froms[k] = -1
        margins[k] = np.inf
    best[0] = before
    at = np.int64(0)
    while at < size:
        first = np.int64(text[start + at])
        char = np.int64(1) if first < 0x80 else np.int64(2 + (first >= 0xE0) + (first >= 0xF0))
        alone = False
        place: Any = at
        so_far = best[at]
        node = np.int64(firsts[first])
        if at == 0:  # a word begins with ▁, and no piece with a part of it
            place, node = np.int64(2), np.int64(firsts[AFTER_SPACE])
        while node >= 0:
            place += 1
            piece = pieces[node]
            if piece >= 0:
                alone = alone or place - at == char
                here = kept(so_far + scores[piece], single)
                if froms[place] < 0 or here > best[place]:
                    margins[place] = np.inf if froms[place] < 0 else here - best[place]
                    best[place], froms[place], ids[place] = here, at, piece
                else:
                    margins[place] = min(margins[place], best[place] - here)
            if place == size:
                break
            node = child_of(children, node, np.int64(text[start + place]))
        if not alone:
            place = min(at + char, size)
            here = kept(so_far + settings[UNKNOWN_SCORE], single)
            if froms[place] < 0 or here > best[place]:
                margins[place] = np.inf if froms[place] < 0 else here - best[place]
                best[place], froms[place], ids[place] = here, at, np.int32(settings[UNKNOWN])
            else:
                margins[place] = min(margins[place], best[place] - here)
        at = min(at + char, size)
    margin = np.inf
    place = size
    while place > 0:
        margin = min(margin, -1.0 if ids[place] == np.int32(settings[UNKNOWN]) else margins[place])
        place = np.int64(froms[place])
    return margin


@kernel(
    f"int64({TEXT}, int64, int64, {_MODEL}, {_ROOM}, int32[::1], int64)",
    calls="inlined",
    arrays="borrowed",
    callers="kernels",
)
def write_way(text: Any, start: Any, end: Any, model: Any, room: Any, out: Any, at: Any) -> Any:
    """Write the ids of the way that `viterbi` found from out[at] on; return the next place.

    Unknown characters in a row are one id, or one for each of their bytes.
    """
    _, bytes_, settings = model
    froms, ids = room[2], room[3]
    unknown = np.int32(settings[UNKNOWN])
    place: Any = end - start
    count = np.int64(0)
    while place > 0:  # first the ids of all pieces, the last one first, negative where bytes stand for them
        source = np.int64(froms[place])
        if ids[place] != unknown:
            out[at + count] = ids[place]
            count += 1
        elif settings[FALLS_BACK] != 0.0:
            for byte in range(place - 1, source - 1, -1):
                out[at + count] = bytes_[text[start + byte]]
                count += 1
        elif count == 0 or out[at + count - 1] != unknown:
            out[at + count] = unknown
            count += 1
        place = source
    for k in range(count // 2):
        out[at + k], out[at + count - 1 - k] = out[at + count - 1 - k], out[at + k]
    return at + count


@kernel(f"float64({_MODEL}, {_ROOM}, int64, float64)", calls="inlined", arrays="borrowed", callers="kernels")
def sum_of_way(model: Any, room: Any, size: Any, before: Any) -> Any:
    """Return the sum after a word of so many bytes, its pieces added one by one to the sum before it."""
    scores, settings = model[0][2], model[2]
    froms, ids = room[2], room[3]
    # The way is known from its end; turn it round in place: froms[start] becomes where the next piece ends.
    place, after = np.int64(size), np.int64(-1)
    while place > 0:
        source = np.int64(froms[place])
        froms[place] = after
        after, place = place, source
    total = before
    while after > 0:
        piece = ids[after]
        score = settings[UNKNOWN_SCORE] if piece == np.int32(settings[UNKNOWN]) else scores[piece]
        total = kept(total + score, settings[SINGLE])
        after = np.int64(froms[after])
    return total


@kernel(
    f"UniTuple(int64, 2)({TEXT}, int64, int64, uint64[::1])",
    calls="inlined",
    arrays="borrowed",
    callers="kernels",
)
def place_of(text: Any, start: Any, end: Any, memory: Any) -> Any:
    """Return a word's slot in memory, and 1 if it is there; a word that does not pack has none, -1."""
    if end - start > PACKED:
        return np.int64(-1), np.int64(0)
    low, high = packed(text, start, end)
    return memory_slot(memory, low, high)


@kernel(
    "Tuple((int64, float64))(uint64[::1], int64, float64[::1], UniTuple(float64, 2), int32[::1], int64)",
    calls="inlined",
    callers="kernels",
    arrays="borrowed",
)
def recall(memory: Any, slot: Any, scores: Any, sums: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a word in memory; return the next place, -1 if unsure, and the sum after it.

    `sums` are the sum before the word, and not 0 if sums are kept in single precision.
    """
    total, single = sums
    last = memory[slot + 3]
    if (
        single != 0.0
        and np.float64(np.int64(last >> _HALF)) <= (_LARGEST_WORD_SUM - total) * _SHORT_WORD_UNITS
    ):
        return np.int64(-1), total
    three, count = memory[slot + 2], np.int64(last & _LOW_HALF)
    ids[at], ids[at + 1], ids[at + 2] = three & _ID_MASK, three >> _ID_BITS & _ID_MASK, three >> _TWO_IDS
    if single != 0.0:
        for k in range(count):
            total = kept(total + scores[ids[at + k]], single)
    return at + count, total


@kernel(
    f"void(uint64[::1], {TEXT}, UniTuple(int64, 3), float64, int32[::1], UniTuple(int64, 2))",
    calls="inlined",
    callers="kernels",
    arrays="borrowed",
)
def remember(memory: Any, text: Any, word: Any, margin: Any, ids: Any, part: Any) -> None:
    """Keep the ids[part[0]:part[1]] of a word, if they are few and none is unknown; word[2] is its slot."""
    at, count, slot = part[0], part[1] - part[0], word[2]
    if slot < 0 or count > MEMORY_IDS or margin < 0.0:
        return
    three = np.uint64(ids[at])
    if count > 1:
        three |= np.uint64(ids[at + 1]) << _ID_BITS
    if count > 2:
        three |= np.uint64(ids[at + 2]) << _TWO_IDS
    memory[slot], memory[slot + 1] = packed(text, word[0], word[1])
    memory[slot + 2] = three
    memory[slot + 3] = np.uint64(count) | np.uint64(min(margin / _MARGIN_UNIT, _MOST_UNITS)) << _HALF


@kernel(
    f"Tuple((int64, float64))({TEXT}, UniTuple(int64, 3), {_MODEL}, {_OWN}, float64, int32[::1], int64)",
    calls="inlined",
    callers="kernels",
    arrays="borrowed",
)
def fresh_word(text: Any, word: Any, model: Any, own: Any, total: Any, ids: Any, at: Any) -> Any:
    """Write the ids of text[word[0]:word[1]], ▁ before it, by Viterbi; return the next place and the sum.

    word[2] is its slot in memory, -1 if it has none.
    """
    memory, room, spelled = own
    start, end = word[0], word[1]
    single = model[2][SINGLE]
    for k in range(end - start):
        spelled[3 + k] = text[start + k]
    size = end - start + 3
    margin = viterbi(spelled, 0, size, model, 0.0, room)
    if single != 0.0:
        largest = _LARGEST_WORD_SUM - total - room[0][size]
        if margin <= largest * _ROUNDING * (size + 24.0):
            viterbi(spelled, 0, size, model, total, room)
    after = write_way(spelled, 0, size, model, room, ids, at)
    if single != 0.0:
        total = sum_of_way(model, room, size, total)
    remember(memory, text, word, margin, ids, (at, after))
    return after, total


@kernel(
    f"int64({TEXT}, int64[::1], {_MODEL}, {_OWN}, UniTuple(int64, 3), Tuple((int32[::1], int64[::1])))",
    arrays="borrowed",
)
def encode_rows(text: Any, row_ends: Any, model: Any, own: Any, limits: Any, out: Any) -> Any:
    """Write the ids of every row; return how many.

    Args:
        text: normalized UTF-8, rows one after the other, each with a space behind it, then padding.
        row_ends: where each row's last space stands.
        model: trie and scores; bytes' ids; settings.
        own: the memory; room for Viterbi, for four more than the longest word has bytes; room for a word with
            ▁ before it, begun with ▁, and padding behind.
        limits: ids put first and last (-1: none is added), most tokens between these two.
        out: takes the ids, with room for three a byte and two more a row; takes where each row starts, and
            the end.
    """
    ids, row_starts = out
    first_id, last_id, most = limits
    memory, scores, single = own[0], model[0][2], model[2][SINGLE]
    at, start = np.int64(0), np.int64(0)
    for row in range(len(row_ends)):
        row_starts[row] = at
        if first_id >= 0:
            ids[at] = first_id
            at += 1
        begin, total = at, 0.0
        while start < row_ends[row]:
            if text[start] == SPACE:
                start += 1
                continue
            end = start + 1
            while text[end] != SPACE:
                end += 1
            slot, known = place_of(text, start, end, memory)
            after = np.int64(-1)
            if known != 0:
                after, total = recall(memory, slot, scores, (total, single), ids, at)
            if after < 0:
                after, total = fresh_word(text, (start, end, slot), model, own, total, ids, at)
            at, start = after, end
        start = row_ends[row] + 1
        at = at if at - begin <= most else begin + most
        if last_id >= 0:
            ids[at] = last_id
            at += 1
    row_starts[len(row_ends)] = at
    return at
