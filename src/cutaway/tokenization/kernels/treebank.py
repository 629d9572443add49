"""The rules of the treebank, compiled: code points in, words out.

The definition is treebank/rules.py, one function for each here in the same order. What makes this fast is
that a rule never looks at letters: one pass over a text lists the places where a mark stands, and where a
contraction may begin, and every rule walks along that list. Where two rules depend on what stood there before
any of them cut, the list is walked backward: cuts are made behind what is still to be looked at.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.treebank_marks import (
    APOSTROPHE,
    BLANK,
    BRACKET,
    CLOSES,
    CLOSING,
    DIGIT,
    ENDS,
    LIST,
    NONE,
    OPENING,
    OPENS,
    PAIRS,
    PLAIN,
    ROW,
    SEEN_SPACE,
    SEVERAL,
    SINGLE,
    SPACE,
    SYMBOL,
    WORD,
    code_after,
    code_before,
    fence_kind,
    fence_runs,
    is_of,
    list_marks,
    write_words,
)

_QUOTE, _GRAVE, _STOP, _COLON, _COMMA, _HYPHEN = 34, 96, 46, 58, 44, 45
_AFTER_STOP = np.array([ord(c) for c in "])}>\"' »”’"], np.int32)
_BRACKETS = np.array([ord(c) for c in " ([{<"], np.int32)

# Words of two halves, in small letters; then those that begin with an apostrophe.
_WHOLE = ("cannot", "d'ye", "gimme", "gonna", "gotta", "lemme", "more'n", "wanna", "'tis", "'twas")
_LETTERS = np.zeros((len(_WHOLE), 6), np.int32)
for _row, _word in enumerate(_WHOLE):
    _LETTERS[_row, : len(_word)] = [ord(c) for c in _word]
_SIZES = np.array([len(word) for word in _WHOLE], np.int64)
_FIRST_HALVES = np.array([3, 1, 3, 3, 3, 3, 4, 3, 2, 2], np.int64)
_CONTRACTIONS, _WANNA = 8, 7


@kernel(f"int64({ROW}, int64, int64)", arrays="borrowed")
def reads(row: Any, at: Any, which: Any) -> Any:
    """Tell whether word number `which` stands at place `at`, uncut, in upper or lower case."""
    codes, cut, _, letters, _, _, end = row
    if at + _SIZES[which] > end:
        return np.int64(0)
    for k in range(_SIZES[which]):
        if letters[codes[at + k]] != _LETTERS[which, k] or (k > 0 and cut[at + k]):
            return np.int64(0)
    return np.int64(1)


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def quotes_that_open(row: Any, listed: Any) -> None:
    """A quotation mark opens after a space or an opening bracket: `"`, or two single ones."""
    codes, cut, _, _, _, _, end = row
    marks, count = listed
    for k in range(count - 1, -1, -1):
        at = np.int64(marks[k])
        if codes[at] != _QUOTE and codes[at] != APOSTROPHE:
            continue
        before = code_before(row, at)
        opens = False
        for bracket in _BRACKETS:
            opens |= before == bracket
        if opens and codes[at] == _QUOTE:
            codes[at] = OPENING
            cut[at] = cut[at + 1] = 1
        elif opens and at + 1 < end and codes[at + 1] == APOSTROPHE and not cut[at + 1]:
            codes[at], codes[at + 1] = OPENING, _GRAVE
            cut[at] = cut[at + 2] = 1


@kernel(f"int64({ROW}, int64)", arrays="borrowed")
def is_clitic(row: Any, at: Any) -> Any:
    """Tell whether re, ve, ll, m, t, s, d or n stands at place `at`, and no more of a word."""
    codes, cut, _, letters, _, _, end = row
    if at >= end:
        return np.int64(0)
    a = letters[codes[at]]
    one = a == 109 or a == 116 or a == 115 or a == 100 or a == 110  # m t s d n
    if one and not is_of(row, code_after(row, at + 1), WORD):
        return np.int64(1)
    if at + 2 > end or cut[at + 1]:
        return np.int64(0)
    b = letters[codes[at + 1]]
    two = ((a == 114 or a == 118) and b == 101) or (a == 108 and b == 108)  # re ve ll
    return np.int64(two and not is_of(row, code_after(row, at + 2), WORD))


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def apostrophes_that_begin(row: Any, listed: Any) -> None:
    """An apostrophe that begins a word stands alone, unless all that follows is a clitic."""
    codes, cut, _, _, _, _, _ = row
    marks, count = listed
    for k in range(count):
        at = np.int64(marks[k])
        if codes[at] != APOSTROPHE or is_of(row, code_before(row, at), WORD):
            continue
        if is_of(row, code_after(row, at + 1), WORD) and not is_clitic(row, at + 1):
            cut[at + 1] = 1


@kernel(f"void({ROW})", arrays="borrowed")
def last_full_stop(row: Any) -> None:
    """A full stop stands alone if only closing marks and space follow to the end."""
    codes, cut, classes, _, _, first, last = row
    end = last
    while end > first and classes[codes[end - 1]] & SPACE:
        end -= 1
    closing = True
    while end > first and closing:
        closing = False
        for mark in _AFTER_STOP:
            closing |= codes[end - 1] == mark
        end -= closing
    if end > first and codes[end - 1] == _STOP:
        before = code_before(row, end - 1)
        if before != NONE and before != _STOP:
            cut[end - 1] = cut[end] = cut[last] = 1


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def colons_and_commas(row: Any, listed: Any) -> None:
    """: and , stand alone unless a digit follows; what follows one is not looked at again."""
    codes, cut, _, _, _, first, end = row
    marks, count = listed
    used = first
    for k in range(count):
        at = np.int64(marks[k])
        if at < used or (codes[at] != _COLON and codes[at] != _COMMA):
            continue
        follows = code_after(row, at + 1)
        if follows != NONE and not is_of(row, follows, DIGIT):
            used = at + 1 if cut[at + 1] else at + 2
            cut[at] = cut[at + 1] = 1
    if end > first and (codes[end - 1] == _COLON or codes[end - 1] == _COMMA) and not cut[end]:
        cut[end - 1] = cut[end] = 1


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def apostrophes_that_end(row: Any, listed: Any) -> None:
    """An apostrophe before a space stands alone."""
    codes, cut, _, _, _, _, _ = row
    marks, count = listed
    for k in range(count):
        at = np.int64(marks[k])
        if codes[at] == APOSTROPHE and code_after(row, at + 1) == SEEN_SPACE:
            before = code_before(row, at)
            if before != NONE and before != APOSTROPHE:
                cut[at] = 1


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def closing_marks(row: Any, listed: Any) -> None:
    """» ” ’, two apostrophes and the double quotes that are left close."""
    codes, cut, _, _, _, first, end = row
    marks, count = listed
    cut[first] = cut[end] = 1
    fence_kind(row, listed, CLOSES)
    fence_runs(row, listed, APOSTROPHE, PAIRS)
    for k in range(count):
        at = marks[k]
        if codes[at] == _QUOTE:
            codes[at] = CLOSING
            cut[at] = cut[at + 1] = 1


@kernel(f"void({ROW}, {LIST})", arrays="borrowed")
def clitics(row: Any, listed: Any) -> None:
    """'s 'm 'd and a lone apostrophe part from the end of a word; then 'll 're 've and n't."""
    codes, cut, classes, _, _, first, end = row
    marks, count = listed
    for k in range(count):
        if classes[codes[marks[k]]] & SPACE:
            codes[marks[k]] = SEEN_SPACE
    for k in range(count):
        at = np.int64(marks[k])
        before = code_before(row, at)
        if codes[at] != APOSTROPHE or before in (SEEN_SPACE, APOSTROPHE):
            continue
        letter = code_after(row, at + 1) | 0x20  # S M D to s m d
        short = letter == 115 or letter == 109 or letter == 100
        if code_after(row, at + 2 if short else at + 1) == SEEN_SPACE:
            cut[at] = 1
    for k in range(count):
        at = np.int64(marks[k])
        if codes[at] != APOSTROPHE:
            continue
        start = at
        if at + 2 < end and codes[at + 1] < 128 and codes[at + 2] < 128:
            a, b = np.int64(codes[at + 1]), np.int64(codes[at + 2])
            small, large = a > 96 and b > 96, a < 96 and b < 96
            a, b = a | 0x20, b | 0x20
            pair = (a == 108 and b == 108) or ((a == 114 or a == 118) and b == 101)  # ll re ve
            whole = (small or large) and pair
        else:
            whole = False
        if not whole and at > first and at + 1 < end:
            a, b = codes[at - 1], codes[at + 1]
            whole = (a == 110 and b == 116) or (a == 78 and b == 84)  # n't N'T
            start = at - 1
        if not whole or cut[start + 1] or cut[start + 2] or code_after(row, start + 3) != SEEN_SPACE:
            continue
        before = code_before(row, start)
        if before != SEEN_SPACE and before != APOSTROPHE:
            cut[start] = 1


@kernel(f"void({ROW}, {LIST}, {LIST})", arrays="borrowed")
def halves(row: Any, listed: Any, beginnings: Any) -> None:
    """Two words written as one part, and 'tis and 'twas after a space."""
    codes, cut, _, _, _, _, _ = row
    begins, many = beginnings
    for which in range(_CONTRACTIONS if many else 0):
        for k in range(many):
            at = np.int64(begins[k])
            end = at + _SIZES[which]
            if not reads(row, at, which) or is_of(row, code_before(row, at), PLAIN):
                continue
            follows = code_after(row, end)
            parts = is_of(row, follows, BLANK) if which == _WANNA else 1 - is_of(row, follows, PLAIN)
            if parts:
                cut[at] = cut[end] = cut[at + _FIRST_HALVES[which]] = 1
    marks, count = listed
    for which in range(_CONTRACTIONS, len(_SIZES)):
        for k in range(count - 1, -1, -1):
            at = np.int64(marks[k])
            if codes[at] != APOSTROPHE or code_before(row, at) != SEEN_SPACE or not reads(row, at, which):
                continue
            end = at + _SIZES[which]
            if not is_of(row, code_after(row, end), PLAIN):
                cut[at] = cut[end] = cut[at + _FIRST_HALVES[which]] = 1


_TABLES = "Tuple((uint8[::1], uint8[::1], uint8[::1]))"
_ROOM = "Tuple((uint8[::1], uint8[::1], int32[::1], int32[::1]))"
_OUT = "Tuple((int32[::1], int32[::1], uint8[::1], int64[::1]))"


@kernel(f"int64(int32[::1], int64[::1], {_TABLES}, {_ROOM}, {_OUT})", arrays="borrowed")
def cut_rows(codes: Any, bounds: Any, tables: Any, room: Any, out: Any) -> Any:
    """Write the words of every row; return how many.

    Args:
        codes: code points of all rows, a slot behind each; quotation marks are rewritten in place.
        bounds: where each row starts, and the end.
        tables: class, small letter and kind of each code point.
        room: cuts, all 0; room for edges, as many; for marks and for beginnings, each as long as a row.
        out: takes start and end of each word in its row, whether it is a quotation mark, and where each
            row's words start.
    """
    classes, letters, kinds = tables
    cut, edges, marks, begins = room
    starts, ends, quotes, row_starts = out
    count = np.int64(0)
    for which in range(len(bounds) - 1):
        row_starts[which] = count
        row = (codes, cut, classes, letters, kinds, bounds[which], bounds[which + 1] - 1)
        found, beginnings = list_marks(row, marks, begins, edges)
        listed = (marks, found)
        cut[row[6]] = found == 0  # without marks the closing rule, which does this, is left out
        if found > 0:
            fence_kind(row, listed, OPENS)
            fence_runs(row, listed, _GRAVE, SINGLE)
            if row[6] > row[5] and code_after(row, row[5]) == _QUOTE:
                codes[row[5]] = OPENING
                cut[row[5]] = cut[row[5] + 1] = 1
            fence_runs(row, listed, _GRAVE, PAIRS)
            quotes_that_open(row, listed)
            apostrophes_that_begin(row, listed)
            last_full_stop(row)
            colons_and_commas(row, listed)
            fence_runs(row, listed, _STOP, SEVERAL)
            fence_kind(row, listed, SYMBOL)
            fence_kind(row, listed, ENDS)
            apostrophes_that_end(row, listed)
            fence_kind(row, listed, BRACKET)
            fence_runs(row, listed, _HYPHEN, PAIRS)
            closing_marks(row, listed)
            clitics(row, listed)
        if found > 0 or beginnings > 0:
            halves(row, listed, (begins, beginnings))
        count = write_words(row, edges, marks, (starts, ends, quotes), count)
    row_starts[len(bounds) - 1] = count
    return count
