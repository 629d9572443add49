"""Text under the compiled rules of the treebank: where its marks stand, its cuts, its words.

The definition is treebank/marks.py. A row is code points, one slot more than it has characters: `cut` tells
at place `at` whether there is a cut before it, and in the last slot whether there is one at the end.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel

# Classes of a code point, bits of one byte.
WORD, DIGIT, SPACE, PLAIN, BLANK, MARK, BEGINS = 1, 2, 4, 8, 16, 32, 64
_PLAIN_TO_BEGINS = 3
# Kinds of marks that stand alone.
OPENS, SYMBOL, ENDS, BRACKET, CLOSES = 1, 2, 3, 4, 5
# Code points that stand for a straight double quote, read as opening or closing.
OPENING, CLOSING, CODES = 0x110000, 0x110001, 0x110002
AS_WRITTEN, OPENING_WORD, CLOSING_WORD = 0, 1, 2

NONE, SEEN_SPACE, APOSTROPHE = -1, 32, 39
PAIRS, SINGLE, SEVERAL = 0, 1, 2  # runs of a mark: two by two, of one or more, of two or more

# Code points, cuts, classes, letters in small ASCII, kinds; first and last place.
ROW = "Tuple((int32[::1], uint8[::1], uint8[::1], uint8[::1], uint8[::1], int64, int64))"
LIST = "Tuple((int32[::1], int64))"  # places, and how many


@kernel(f"UniTuple(int64, 2)({ROW}, int32[::1], int32[::1], uint8[::1])", arrays="borrowed")
def list_marks(row: Any, marks: Any, begins: Any, edges: Any) -> Any:
    """List where marks stand, and where a contraction may begin; return how many of each.

    Also writes for each place whether white space begins or ends there.
    """
    codes, _, classes, letters, _, first, end = row
    count, beginnings, before = np.int64(0), np.int64(0), np.uint8(BLANK)
    for at in range(first, end):
        here = classes[codes[at]]
        edges[at] = (here ^ before) & BLANK
        # A contraction begins a word: the bit of a plain character before, moved, hides that one's.
        if here & (MARK | (BEGINS & ~(np.int64(before) << _PLAIN_TO_BEGINS))):
            if here & MARK:
                marks[count] = at
                count += 1
            elif at + 1 < end:
                a, b = letters[codes[at]], letters[codes[at + 1]]
                fits = (a == 99 or a == 119) and b == 97  # ca, wa
                fits |= a == 100 and b == APOSTROPHE  # d'
                fits |= (a == 103 and (b == 105 or b == 111)) or (a == 108 and b == 101)  # gi, go, le
                if fits or (a == 109 and b == 111):  # mo
                    begins[beginnings] = at
                    beginnings += 1
        before = here
    edges[first] = BLANK
    edges[end] = BLANK
    return count, beginnings


@kernel(f"int64({ROW}, int64)", arrays="borrowed")
def code_before(row: Any, at: Any) -> Any:
    """Return what a rule sees before place `at`: a space at a cut, -1 at the start."""
    codes, cut, _, _, _, first, _ = row
    if cut[at]:
        return np.int64(SEEN_SPACE)
    return np.int64(codes[at - 1]) if at > first else np.int64(NONE)


@kernel(f"int64({ROW}, int64)", arrays="borrowed")
def code_after(row: Any, at: Any) -> Any:
    """Return what a rule sees from place `at` on: a space at a cut, -1 at the end."""
    codes, cut, _, _, _, _, end = row
    if cut[at]:
        return np.int64(SEEN_SPACE)
    return np.int64(codes[at]) if at < end else np.int64(NONE)


@kernel(f"int64({ROW}, int64, int64)", arrays="borrowed")
def is_of(row: Any, code: Any, bits: Any) -> Any:
    """Tell whether a code point has a class; none has at an edge of the text."""
    classes = row[2]
    return np.int64(code >= 0 and classes[code] & bits != 0)


@kernel(f"void({ROW}, {LIST}, int64)", arrays="borrowed")
def fence_kind(row: Any, listed: Any, kind: Any) -> None:
    """Cut on both sides of every mark of a kind."""
    codes, cut, _, _, kinds, _, _ = row
    marks, count = listed
    for k in range(count):
        at = marks[k]
        if kinds[codes[at]] == kind:
            cut[at] = cut[at + 1] = 1


@kernel(f"void({ROW}, {LIST}, int64, int64)", arrays="borrowed")
def fence_runs(row: Any, listed: Any, code: Any, least: Any) -> None:
    """Cut around the uncut runs of a mark that are so long; with 0, around each pair in them."""
    codes, cut, _, _, _, _, _ = row
    marks, count = listed
    k = np.int64(0)
    while k < count:
        at = np.int64(marks[k])
        k += 1
        if codes[at] != code:
            continue
        end = at + 1
        while k < count and marks[k] == end and codes[end] == code and not cut[end]:
            end += 1
            k += 1
        if least == PAIRS:
            for pair in range(at, end - 1, 2):
                cut[pair] = cut[pair + 2] = 1
        elif end - at >= least:
            cut[at] = cut[end] = 1


@kernel(
    f"int64({ROW}, uint8[::1], int32[::1], Tuple((int32[::1], int32[::1], uint8[::1])), int64)",
    arrays="borrowed",
)
def write_words(row: Any, edges: Any, places: Any, words: Any, count: Any) -> Any:
    """Write the words between cuts and white space behind the `count` that are there; return how many are.

    There is no branch on where a word ends, which nothing could foresee.
    """
    codes, cut, classes, _, _, first, end = row
    starts, ends, kinds = words
    many = np.int64(0)
    for at in range(first, end + 1):
        places[many] = at
        many += np.int64((edges[at] | cut[at]) != 0)
    for k in range(many - 1):
        code = codes[places[k]]
        starts[count], ends[count] = places[k] - first, places[k + 1] - first
        kinds[count] = (code >= OPENING) + (code == CLOSING)
        count += classes[code] & BLANK == 0
    return count
