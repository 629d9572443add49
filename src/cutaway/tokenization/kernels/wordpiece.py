"""The fast path's kernels: flat UTF-8 in, ids out. Compiled when this module is first imported.

The open path (normalizers/bert.py, splitters/bert.py, models/wordpiece.py) is the definition; this is
the same computation in one pass. Three ideas make it fast:

- one table lookup a byte tells what becomes of an ASCII character; any other is put together from its
  bytes and looked up in a larger table (models/wordpiece_tables.py packs both);
- a word that is itself a piece, four in five of them, is found by one look into a hash table: up to
  sixteen Latin-1 characters pack into two 64-bit numbers, so the comparison is exact;
- other words walk a trie, one step a character, remembering the last node that ends a piece. A step is
  one look as well: the edge holds the node it leads to and the piece that ends there. What came out is
  remembered, each word in the one place that its hash gives it, until another word takes that.

Loops hold numbers in int64; nothing is validated here. Arrays that a hot function reads are parameters of
their own: taking one out of a tuple counts a reference, which costs more than the look.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel

# A character's entry: two bits of kind, three flags, and its fold above them.
WORD, NOTHING, SPACE, ALONE = 0, 1, 2, 3  # from SPACE on a word ends
LONG, OPENS_SPECIAL, SORTED = 4, 8, 16
MORE_BYTES = NOTHING | LONG  # in the table of bytes: the character goes on
KIND, FLAGS, FOLD = 3, 31, 5

LONGEST_WORD = 100
BUFFER = 128  # a power of two over LONGEST_WORD
PACKED = 16  # Latin-1 characters in two numbers
WIDE = np.uint64(256)  # the first character that does not pack
WORD_SLOT = 3  # numbers in a slot of the word table: two of the word, then its id
MEMORY_SLOT = 4  # numbers in a slot of the memory: two of the word, then three ids and their count
MEMORY_IDS = 3
EDGE_SLOT = 2  # numbers in a slot of the trie: node and character; child and piece
CODE_BITS = 21
ID_BITS = 32
PIECE = (1 << ID_BITS) - 1

_HALF, _LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_HASH_SHIFT = np.uint64(32)
_NONE, _ONE, _BYTE, _SEVEN_BYTES = np.uint64(0), np.uint64(1), np.uint64(8), np.uint64(56)

_BYTES = "Array(uint8, 1, 'C', readonly=True)"  # a view of Python's own bytes
_SPECIAL = "Tuple((uint8[::1], int64[::1], int32[::1]))"
_FOLDS = "int32[::1], int32[::1], int32[::1], int32[::1]"
_OUT = "Tuple((int32[::1], int64[::1], uint8[::1], int32[::1]))"
_TABLES = f"Tuple(({_FOLDS}, uint64[::1], int64[::1], uint64[::1], {_SPECIAL}))"


@kernel("int64(uint64[::1], uint64, uint64)", arrays="borrowed")
def word_slot(words: Any, low: Any, high: Any) -> Any:
    """Return where the packed word stands in the word table, or the empty slot where it would."""
    mask = np.uint64(len(words) // WORD_SLOT - 1)
    mixed = low * _MIX_A + high * _MIX_B
    at = (mixed >> _HASH_SHIFT) & mask
    while True:
        slot = np.int64(at) * WORD_SLOT
        if (words[slot] == low and words[slot + 1] == high) or words[slot] == 0:
            return slot
        at = (at + _ONE) & mask


@kernel("int64(int64[::1], int64)", arrays="borrowed")
def edge_slot(edges: Any, key: Any) -> Any:
    """Return where the edge with this key stands in the trie, or the empty slot where it would."""
    mask = np.uint64(len(edges) // EDGE_SLOT - 1)
    at = ((np.uint64(key) * _MIX_A) >> _HASH_SHIFT) & mask
    while True:
        slot = np.int64(at) * EDGE_SLOT
        if edges[slot] == key or edges[slot] == 0:
            return slot
        at = (at + _ONE) & mask


@kernel("int64(int32[::1], int64[::1], uint8[::1], uint64[::1], int64[::1])", arrays="borrowed")
def build(chars: Any, starts: Any, inner: Any, words: Any, edges: Any) -> Any:
    """Fill the word table and the trie, both all zero, with the vocabulary; return the number of nodes.

    Args:
        chars: the pieces' characters, without the prefix of inner pieces, one after the other.
        starts: where each piece starts, and the end.
        inner: 1 for a piece that continues a word. Such pieces hang from node 2, others from node 1.
        words: the word table.
        edges: the trie.
    """
    nodes: Any = np.int64(3)
    for piece in range(len(starts) - 1):
        node, slot = np.int64(1 + inner[piece]), np.int64(0)
        low, high, widest = _NONE, _NONE, _NONE
        for at in range(starts[piece], starts[piece + 1]):
            key = (node << CODE_BITS) | np.int64(chars[at])
            slot = edge_slot(edges, key)
            if edges[slot] == 0:
                edges[slot], edges[slot + 1] = key, nodes << ID_BITS
                nodes += 1
            node = edges[slot + 1] >> ID_BITS
            char = np.uint64(chars[at])
            low, high, widest = (low << _BYTE) | char, (high << _BYTE) | (low >> _SEVEN_BYTES), widest | char
        edges[slot + 1] |= piece + 1
        if inner[piece] == 0 and widest < WIDE and starts[piece + 1] - starts[piece] <= PACKED:
            slot = word_slot(words, low, high)
            words[slot], words[slot + 1], words[slot + 2] = low, high, np.uint64(piece)
    return nodes


@kernel("int64(int32[::1], int64, int64[::1], int64, int32[::1], int64)", arrays="borrowed")
def longest_match(word: Any, length: Any, edges: Any, unknown: Any, out: Any, at: Any) -> Any:
    """Write the pieces of word[:length] from out[at] on, greedily longest first; return the next place."""
    first, start = at, np.int64(0)
    if length > LONGEST_WORD:
        out[at] = unknown
        return at + 1
    while start < length:
        node = np.int64(1 + (start > 0))
        found, found_end = np.int64(0), start
        for end in range(start, length):
            slot = edge_slot(edges, (node << CODE_BITS) | np.int64(word[end]))
            if edges[slot] == 0:
                break
            target = edges[slot + 1]
            node = target >> ID_BITS
            if target & PIECE:
                found, found_end = target & PIECE, np.int64(end + 1)
        if found == 0:
            out[first] = unknown
            return first + 1
        out[at] = found - 1
        at += 1
        start = found_end
    return at


@kernel("int64(int64[::1], int64, int64)", arrays="borrowed")
def single(edges: Any, char: Any, unknown: Any) -> Any:
    """Return the id of the piece that is this one character."""
    found = edges[edge_slot(edges, (1 << CODE_BITS) | char) + 1] & PIECE
    return found - 1 if found else unknown


@kernel("int64(uint64[::1], uint64, uint64)", arrays="borrowed")
def memory_slot(memory: Any, low: Any, high: Any) -> Any:
    """Return the one place of the memory where the packed word may be."""
    mask = np.uint64(len(memory) // MEMORY_SLOT - 1)
    return np.int64(((low * _MIX_A + high * _MIX_B) >> _HASH_SHIFT) & mask) * MEMORY_SLOT


@kernel("int64(uint64[::1], int64, int32[::1], int64)", arrays="borrowed")
def recall(memory: Any, slot: Any, ids: Any, at: Any) -> Any:
    """Write the ids of a slot from ids[at] on; return the next place. Always three: no branch, one counts."""
    first, last = memory[slot + 2], memory[slot + 3]
    ids[at], ids[at + 1], ids[at + 2] = first & _LOW_HALF, first >> _HALF, last & _LOW_HALF
    return at + np.int64(last >> _HALF)


@kernel("void(uint64[::1], uint64, uint64, int32[::1], int64, int64)", arrays="borrowed")
def remember(memory: Any, low: Any, high: Any, ids: Any, start: Any, end: Any) -> None:
    """Keep ids[start:end] as the packed word's, in place of another word's, unless they are too many."""
    count = end - start
    if count > MEMORY_IDS:
        return
    slot = memory_slot(memory, low, high)
    memory[slot], memory[slot + 1] = low, high
    memory[slot + 2], memory[slot + 3] = np.uint64(ids[start]), np.uint64(count) << _HALF
    if count > 1:
        memory[slot + 2] |= np.uint64(ids[start + 1]) << _HALF
    if count > 2:
        memory[slot + 3] |= np.uint64(ids[start + 2])


@kernel(f"int64({_BYTES}, int64, int64, {_SPECIAL})", arrays="borrowed")
def special_at(text: Any, at: Any, end: Any, special: Any) -> Any:
    """Return the number of the special token at text[at:end], the longest one, or -1."""
    letters, starts, _ = special
    for which in range(len(starts) - 1):
        length = starts[which + 1] - starts[which]
        same = length <= end - at
        k = np.int64(0)
        while same and k < length:
            same = text[at + k] == letters[starts[which] + k]
            k += 1
        if same:
            return np.int64(which)
    return np.int64(-1)


@kernel(f"UniTuple(int64, 2)({_BYTES}, int64, int32[::1])", arrays="borrowed")
def wide_entry(text: Any, at: Any, entries: Any) -> Any:
    """Return the entry of the character that starts at text[at] in UTF-8, not ASCII, and its bytes."""
    size = np.int64(2 + (text[at] >= 0xE0) + (text[at] >= 0xF0))
    code = np.int64(text[at]) & (0x7F >> size)
    for k in range(1, size):
        code = (code << 6) | (np.int64(text[at + k]) & 0x3F)
    return np.int64(entries[code]), size


@kernel("int64(int64, int32[::1], int32[::1], int32[::1], int64)", arrays="borrowed")
def add_folds(entry: Any, long_starts: Any, long_chars: Any, word: Any, length: Any) -> Any:
    """Add what a character folds to, one character or several, to the word; return its new length."""
    fold = entry >> FOLD
    if not entry & LONG:
        word[length & (BUFFER - 1)] = fold
        return length + 1
    for k in range(long_starts[fold], long_starts[fold + 1]):
        word[length & (BUFFER - 1)] = long_chars[k]
        length += 1
    return length


@kernel(
    f"UniTuple(int64, 2)({_BYTES}, UniTuple(int64, 4), {_TABLES}, int32[::1], int64, int32[::1])",
    arrays="borrowed",
)
def encode_row(text: Any, row: Any, tables: Any, ids: Any, at: Any, word: Any) -> Any:
    """Write the ids of one row from ids[at] on; return the next place and the number of sorted marks.

    `row` is start, end (where a space stands), unknown id, and the place where to stop. `word` is a buffer.
    """
    ascii_entries, entries, long_starts, long_chars, words, edges, memory, special = tables
    i, end, unknown, stop = row
    length, marks = np.int64(0), np.int64(0)
    low, high, widest = _NONE, _NONE, _NONE
    while i <= end and at < stop:
        entry = np.int64(ascii_entries[text[i]])
        while entry & FLAGS == WORD:  # ends at the space behind the row, at the latest
            fold = np.uint64(entry >> FOLD)
            word[length & (BUFFER - 1)] = fold
            length += 1
            low, high, widest = (low << _BYTE) | fold, (high << _BYTE) | (low >> _SEVEN_BYTES), widest | fold
            i += 1
            entry = np.int64(ascii_entries[text[i]])
        size = np.int64(1)
        if entry & FLAGS == MORE_BYTES:
            entry, size = wide_entry(text, i, entries)
        which = np.int64(-1)
        if entry & OPENS_SPECIAL:
            which = special_at(text, i, end, special)
        kind = ALONE if which >= 0 else entry & KIND
        if kind == WORD:
            marks += (entry & SORTED) // SORTED
            before, length = length, add_folds(entry, long_starts, long_chars, word, length)
            for k in range(before, length):
                fold = np.uint64(word[k & (BUFFER - 1)])
                low, high, widest = (
                    (low << _BYTE) | fold,
                    (high << _BYTE) | (low >> _SEVEN_BYTES),
                    widest | fold,
                )
        if length > 0 and kind >= SPACE:
            packs = widest < WIDE and length <= PACKED
            slot = word_slot(words, low, high) if packs else np.int64(-1)
            kept = memory_slot(memory, low, high)
            if slot >= 0 and words[slot] != 0:
                ids[at] = words[slot + 2]
                at += 1
            elif packs and memory[kept] == low and memory[kept + 1] == high:
                at = recall(memory, kept, ids, at)
            else:
                start = at
                at = longest_match(word, length, edges, unknown, ids, at)
                if packs:
                    remember(memory, low, high, ids, start, at)
            length, low, high, widest = np.int64(0), _NONE, _NONE, _NONE
        if which >= 0:
            ids[at] = special[2][which]
            at += 1
            size = special[1][which + 1] - special[1][which]
        elif kind == ALONE:
            ids[at] = single(edges, entry >> FOLD, unknown)
            at += 1
        i += size
    return at, marks


@kernel(
    f"int64({_BYTES}, int64[::1], {_TABLES}, int64[::1], {_OUT})",
    arrays="borrowed",
)
def encode_rows(text: Any, starts: Any, tables: Any, settings: Any, out: Any) -> Any:
    """Write the ids of every row; return how many.

    Args:
        text: UTF-8 of all rows, one after the other, a space behind each.
        starts: where each row starts, and the end.
        tables: entry of each byte; entry of each code point; starts and characters of the folds to several
            characters; word table; trie; memory; the special tokens' bytes, starts and ids, longest first.
        settings: ids of unknown, first and last (-1: none is added), most tokens between these two.
        out: ids, with room for two more; row starts; 1 for rows that hold two sorted marks, which the open
            path must redo; room for a word, BUFFER characters.
    """
    ids, row_starts, needs_open, word = out
    unknown, first_id, last_id, most = settings[0], settings[1], settings[2], settings[3]
    at = np.int64(0)
    for row in range(len(starts) - 1):
        row_starts[row] = at
        if first_id >= 0:
            ids[at] = first_id
            at += 1
        stop = at + most
        after, marks = encode_row(
            text, (starts[row], starts[row + 1] - 1, unknown, stop), tables, ids, at, word
        )
        at = min(after, stop)
        needs_open[row] = marks > 1
        if last_id >= 0:
            ids[at] = last_id
            at += 1
    row_starts[len(starts) - 1] = at
    return at
