"""The fast path's kernels: flat UTF-32 in, ids out. Compiled when this module is first imported.

The open path (normalize.py, words.py, wordpiece.py) is the definition; this is the same computation in
one pass. Three ideas make it fast:

- one table lookup a character tells what becomes of it (`CharacterTable` in fast.py packs it);
- a word that is itself a piece, four in five of them, is found by one look into a hash table: up to
  eighteen ASCII characters pack into two 63-bit numbers, so the comparison is exact;
- other words walk a trie, one step a character, remembering the last node that ends a piece.

Loops hold numbers in int64; nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel

# A character's entry: two bits of kind, three flags, and its fold above them.
WORD, SPACE, ALONE, NOTHING = 0, 1, 2, 3
LONG, OPENS_SPECIAL, SORTED = 4, 8, 16
KIND, FLAGS, FOLD = 3, 31, 5

LONGEST_WORD = 100
BUFFER = 128  # a power of two over LONGEST_WORD
PACKED = 9  # ASCII characters in one number
SLOT = 3  # numbers in a slot of the word table: two of the word, then its id

_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_HASH_SHIFT = np.uint64(32)
_CODE_BITS = 21

_CHARS = "Array(uint32, 1, 'C', readonly=True)"  # a view of Python's own bytes
_TEXT = f"Tuple(({_CHARS}, int64[::1]))"
_CHARACTERS = "Tuple((int32[::1], int32[::1], int32[::1]))"
_PIECES = "Tuple((int64[::1], int32[::1], int32[::1], int64[::1]))"
_SPECIAL = "Tuple((uint32[::1], int64[::1], int32[::1]))"
_OUT = "Tuple((int32[::1], int64[::1], uint8[::1]))"


@kernel("int64(int64[::1], int64, int64)")
def word_slot(words: Any, low: int, high: int) -> int:
    """Return where the packed word stands in the word table, or the empty slot where it would."""
    mask = np.uint64(len(words) // SLOT - 1)
    mixed = np.uint64(low) * _MIX_A + np.uint64(high) * _MIX_B
    at = (mixed ^ (mixed >> _HASH_SHIFT)) & mask
    while True:
        slot = np.int64(at) * SLOT
        if (words[slot] == low and words[slot + 1] == high) or words[slot] == 0:
            return slot
        at = (at + np.uint64(1)) & mask


@kernel("int64(int64[::1], int64, int64)")
def edge_slot(keys: Any, node: int, char: int) -> int:
    """Return where the edge from `node` by `char` stands, or the empty slot where it would."""
    mask = np.uint64(len(keys) - 1)
    key = (node << _CODE_BITS) | char
    mixed = np.uint64(key) * _MIX_A
    at = (mixed >> _HASH_SHIFT) & mask
    while keys[np.int64(at)] != key and keys[np.int64(at)] != -1:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@kernel(f"int64(uint32[::1], int64[::1], uint8[::1], {_PIECES})")
def build(chars: Any, starts: Any, inner: Any, pieces: Any) -> int:
    """Fill the trie and the word table with the vocabulary; return the number of trie nodes.

    Args:
        chars: the pieces' characters, without the prefix of inner pieces, one after the other.
        starts: where each piece starts, and the end.
        inner: 1 for a piece that continues a word. Such pieces hang from node 1, others from node 0.
        pieces: keys (all -1), children, node_ids (all -1) and words (all 0), to be filled.
    """
    keys, children, node_ids, words = pieces
    nodes = 2
    for piece in range(len(starts) - 1):
        node = np.int64(inner[piece])
        low, high, widest = 0, 0, 0
        for at in range(starts[piece], starts[piece + 1]):
            char = np.int64(chars[at])
            slot = edge_slot(keys, node, char)
            if keys[slot] == -1:
                keys[slot] = (node << _CODE_BITS) | char
                children[slot] = nodes
                nodes += 1
            node = np.int64(children[slot])
            widest |= char
            if at - starts[piece] < PACKED:
                low = (low << 7) | char
            else:
                high = (high << 7) | char
        node_ids[node] = piece
        if inner[piece] == 0 and widest < 128 and starts[piece + 1] - starts[piece] <= 2 * PACKED:
            slot = word_slot(words, low, high)
            words[slot], words[slot + 1], words[slot + 2] = low, high, piece
    return nodes


@kernel(f"int64(int32[::1], int64, {_PIECES}, int64, int32[::1], int64)")
def longest_match(word: Any, length: int, pieces: Any, unknown: int, out: Any, at: int) -> int:
    """Write the pieces of word[:length] from out[at] on, greedily longest first; return the next place."""
    keys, children, node_ids, _ = pieces
    first = at
    start = 0
    while start < length:
        node = np.int64(start > 0)
        found, found_end = -1, start
        for end in range(start, length):
            slot = edge_slot(keys, node, np.int64(word[end]))
            if keys[slot] == -1:
                break
            node = np.int64(children[slot])
            if node_ids[node] >= 0:
                found, found_end = np.int64(node_ids[node]), end + 1
        if found < 0:
            out[first] = unknown
            return first + 1
        out[at] = found
        at += 1
        start = found_end
    return at


@kernel(f"int64(int32[::1], int64, int64, {_PIECES}, int64, Tuple((int32[::1], int64)))")
def write_word(word: Any, length: int, widest: int, pieces: Any, unknown: int, to: Any) -> int:
    """Write one word's ids; return the next place. `widest` has every bit of its characters."""
    out, at = to
    if length <= 2 * PACKED and widest < 128:
        low, high = 0, 0
        for k in range(min(length, PACKED)):
            low = (low << 7) | np.int64(word[k])
        for k in range(PACKED, length):
            high = (high << 7) | np.int64(word[k])
        words = pieces[3]
        slot = word_slot(words, low, high)
        if words[slot] != 0:
            out[at] = words[slot + 2]
            return at + 1
    if length > LONGEST_WORD:
        out[at] = unknown
        return at + 1
    return longest_match(word, length, pieces, unknown, out, at)


@kernel(f"int64({_CHARS}, int64, int64, {_SPECIAL})")
def special_at(chars: Any, at: int, end: int, special: Any) -> int:
    """Return the number of the special token at chars[at:end], longest first, or -1."""
    letters, starts, _ = special
    for which in range(len(starts) - 1):
        length = starts[which + 1] - starts[which]
        if length <= end - at:
            same = True
            for k in range(length):
                if chars[at + k] != letters[starts[which] + k]:
                    same = False
                    break
            if same:
                return which
    return -1


@kernel(f"int64({_TEXT}, {_CHARACTERS}, {_PIECES}, {_SPECIAL}, int64[::1], {_OUT})")
def encode_rows(text: Any, characters: Any, pieces: Any, special: Any, settings: Any, out: Any) -> int:
    """Write the ids of every row; return how many.

    Args:
        text: UTF-32 of all rows, and where each row starts, and the end.
        characters: entry of each code point; starts and characters of folds to several characters.
        pieces: trie keys, children and node ids; word table.
        special: the special tokens' characters, starts and ids, longest first.
        settings: ids of unknown, start and end (-1: none is added), most tokens of a row without these.
        out: ids; row starts; 1 for rows that hold two sorted marks, which the open path must redo.
    """
    chars, starts = text
    entries, long_starts, long_chars = characters
    ids, row_starts, needs_open = out
    unknown, first_id, last_id, limit = settings[0], settings[1], settings[2], settings[3]
    word = np.empty(BUFFER, np.int32)
    at = 0
    for row in range(len(starts) - 1):
        row_starts[row] = at
        if first_id >= 0:
            ids[at] = first_id
            at += 1
        start, end = at, starts[row + 1]
        length, widest, marks = 0, 0, 0
        i = starts[row]
        while i < end:
            entry = np.int64(entries[chars[i]])
            i += 1
            if entry & FLAGS == WORD:
                word[length & (BUFFER - 1)] = entry >> FOLD
                widest |= entry >> FOLD
                length += 1
                continue
            which = special_at(chars, i - 1, end, special) if entry & OPENS_SPECIAL else -1
            kind = ALONE if which >= 0 else entry & KIND
            if kind == NOTHING:
                continue
            if kind == WORD:
                marks += 1 if entry & SORTED else 0
                fold = entry >> FOLD
                if entry & LONG:
                    for k in range(long_starts[fold], long_starts[fold + 1]):
                        word[length & (BUFFER - 1)] = long_chars[k]
                        length += 1
                    widest = 128
                else:
                    word[length & (BUFFER - 1)] = fold
                    widest |= fold
                    length += 1
                continue
            if length > 0:
                at = write_word(word, length, widest, pieces, unknown, (ids, at))
                length, widest = 0, 0
            if which >= 0:
                ids[at] = special[2][which]
                at += 1
                i += special[1][which + 1] - special[1][which] - 1
            elif kind == ALONE:
                word[0] = entry >> FOLD
                at = write_word(word, 1, entry >> FOLD, pieces, unknown, (ids, at))
            if at - start >= limit:
                break
        if length > 0 and at - start < limit:
            at = write_word(word, length, widest, pieces, unknown, (ids, at))
        at = min(at, start + limit)
        needs_open[row] = marks > 1
        if last_id >= 0:
            ids[at] = last_id
            at += 1
    row_starts[len(starts) - 1] = at
    return at
