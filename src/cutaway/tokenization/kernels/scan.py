"""Compiled scanners of the split patterns: UTF-8 in, the end of each word out.

The definition is the pattern (splitters/patterns.py); this decides by the class of a character and of the
next one which branch of the pattern matches, and runs to that branch's end; ASCII letters sixty-four at a
time. Most words of most texts come to less: kernels/cutting.py cuts them, and leaves the others to this.

Nothing is validated here. Every text is followed by at least sixty-four bytes of padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.bits import BYTES, bytes_between, trailing_zeros
from cutaway.core.jit import kernel

# Of splitters/classes.py; numba reads its own globals as constants.
UPPER, LOWER, LETTER, NUMBER, WHITE, LINE = 1, 2, 4, 8, 16, 32

# Where each rule stands in the array of rules, and its values.
CONTRACTIONS, PREFIX, CASED, DIGITS, TAIL, LINES, WHOLE_END, RULES = 0, 1, 2, 3, 4, 5, 6, 7
BEFORE, ANY_CASE, BEHIND = 0, 1, 2
NO_TAIL, TAIL_LINES, TAIL_SLASHES = 0, 1, 2

MANY = 1 << 62
SPACE, QUOTE, SLASH = 32, 39, 47
LEAD = 0xC0  # bytes from here on begin a character of several bytes

_ONE, _NONE, _ALL = np.uint64(1), np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)
_A, _Z, _SMALL_A, _SMALL_Z = np.uint64(65), np.uint64(90), np.uint64(97), np.uint64(122)

TEXT = "Array(uint8, 1, 'C', readonly=True)"  # a view of Python's own bytes


@kernel(f"uint64({TEXT}, int64)", arrays="borrowed", callers="kernels")
def eight_bytes(text: Any, at: Any) -> Any:
    """Return text[at:at + 8] as one number, the first byte lowest. One load: LLVM sees through the sum."""
    i = np.uint64(at)
    low = np.uint64(text[i]) | np.uint64(text[i + _ONE]) << np.uint64(8)
    low |= np.uint64(text[i + np.uint64(2)]) << np.uint64(16)
    low |= np.uint64(text[i + np.uint64(3)]) << np.uint64(24)
    low |= np.uint64(text[i + np.uint64(4)]) << np.uint64(32)
    low |= np.uint64(text[i + np.uint64(5)]) << np.uint64(40)
    low |= np.uint64(text[i + np.uint64(6)]) << np.uint64(48)
    return low | np.uint64(text[i + np.uint64(7)]) << np.uint64(56)


@kernel(f"int64({TEXT}, int64, int64, uint64)", arrays="borrowed", callers="kernels")
def skip_letters(text: Any, at: Any, end: Any, capitals: Any) -> Any:
    """Return the first place from `at` on without a small letter of ASCII, or a capital where these count."""
    while at < end:
        letters = bytes_between(text, np.uint64(at), _SMALL_A, _SMALL_Z)
        letters |= bytes_between(text, np.uint64(at), _A, _Z) & capitals
        if letters != _ALL:
            return min(at + np.int64(trailing_zeros(~letters)), end)
        at += BYTES
    return end


@kernel(f"UniTuple(int64, 2)({TEXT}, int64, uint8[::1])", arrays="borrowed", callers="kernels")
def class_at(text: Any, at: Any, classes: Any) -> Any:
    """Return the class of the character that starts at text[at], and the place behind it."""
    first = np.int64(text[at])
    if first < 0x80:
        return np.int64(classes[first]), at + 1
    size = np.int64(2 + (first >= 0xE0) + (first >= 0xF0))
    code = first & (0x7F >> size)
    for k in range(1, size):
        code = (code << 6) | (np.int64(text[at + k]) & 0x3F)
    return np.int64(classes[code]), at + size


@kernel(f"int64({TEXT}, int64, int64, uint8[::1], int64)", arrays="borrowed", callers="kernels")
def numbers_end(text: Any, at: Any, end: Any, classes: Any, most: Any) -> Any:
    """Return the end of the run of numbers from `at` on, at most `most` of them; 0 is no limit."""
    left = most if most > 0 else np.int64(MANY)
    while at < end and left > 0:
        known, after = class_at(text, at, classes)
        if known & NUMBER == 0:
            break
        at = after
        left -= 1
    return at


@kernel(f"int64({TEXT}, int64, int64, uint8[::1])", arrays="borrowed", callers="kernels")
def letters_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Return the end of the run of letters from `at` on."""
    at = skip_letters(text, at, end, _ALL)
    while at < end and text[at] >= 0x80:
        known, after = class_at(text, at, classes)
        if known & LETTER == 0:
            break
        at = skip_letters(text, after, end, _ALL)
    return at


@kernel(f"int64({TEXT}, int64, int64, int64)", arrays="borrowed", callers="kernels")
def contraction_end(text: Any, at: Any, end: Any, case: Any) -> Any:
    """Return the end of s, t, m, d, re, ve or ll at `at`, the place behind a quote; `at` if none is there."""
    if at >= end:
        return at
    fold = np.int64(0 if case == BEFORE else 0x20)
    first = np.int64(text[at]) | fold
    if first == 115 or first == 116 or first == 109 or first == 100:
        return at + 1
    if at + 1 < end:
        second = np.int64(text[at + 1]) | fold
        if (first == 114 or first == 118) and second == 101:
            return at + 2
        if first == 108 and second == 108:
            return at + 2
        if fold != 0 and text[at] == 0xC5 and text[at + 1] == 0xBF:  # ſ is an s when case is ignored
            return at + 2
    return at


@kernel(f"int64({TEXT}, int64, int64, uint8[::1], int64[::1])", arrays="borrowed", callers="kernels")
def white_end(text: Any, at: Any, end: Any, classes: Any, rules: Any) -> Any:
    """Return the end of the piece of white space from `at` on: the last of several is left to the next."""
    start, last, line = at, at, np.int64(0)
    while at < end:
        known, after = class_at(text, at, classes)
        if known & WHITE == 0:
            break
        last, at = at, after
        if known & LINE:
            line = after
    if at == end and rules[WHOLE_END]:
        return end
    if rules[LINES] and line > 0:
        return line
    return last if at < end and last > start else at


@kernel(f"int64({TEXT}, int64, int64, uint8[::1], int64[::1])", arrays="borrowed", callers="kernels")
def symbols_end(text: Any, at: Any, end: Any, classes: Any, rules: Any) -> Any:
    """Return the end of the run of symbols from `at` on, with the line ends that it draws in."""
    while at < end:
        known, after = class_at(text, at, classes)
        if known & (LETTER | NUMBER | WHITE):
            break
        at = after
    tail = rules[TAIL]
    while tail != NO_TAIL and at < end:
        char = text[at]
        if not (char == 10 or char == 13 or (tail == TAIL_SLASHES and char == SLASH)):
            break
        at += 1
    return at


@kernel(f"UniTuple(int64, 2)({TEXT}, int64, int64, uint8[::1])", arrays="borrowed", callers="kernels")
def cased_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Match [capitals]*[small]+ and then [capitals]+[small]* from `at` on; return both ends, `at` for none.

    Marks and letters without case are in both sets. The first match, finding no small letter behind the
    capitals, gives back what it took until one that is in both sets ends it.
    """
    start, both = at, at
    while at < end:
        known, after = class_at(text, at, classes)
        if known & UPPER == 0:
            break
        at = after
        if known & LOWER:
            both = at
    capitals = at
    at = skip_letters(text, at, end, _NONE)
    while at < end:
        known, after = class_at(text, at, classes)
        if known & LOWER == 0:
            break
        at = skip_letters(text, after, end, _NONE)
    if at > capitals:
        return at, at
    return (both, capitals) if both > start else (start, capitals)


@kernel(f"int64({TEXT}, int64, int64, uint8[::1])", arrays="borrowed", callers="kernels")
def cased_word_end(text: Any, at: Any, end: Any, classes: Any) -> Any:
    """Return the end of o200k's word from `at` on, with a character before and a contraction behind."""
    known, after = class_at(text, at, classes)
    start = at if known & (LETTER | NUMBER | LINE) else after
    small, capital = cased_end(text, start, end, classes)
    found = small
    if found == start and start > at and known & LOWER:  # a mark may open a word and be all of it
        found, _ = cased_end(text, at, end, classes)
        start = at
    if found == start:
        found = capital
    if found == start:
        return at
    if found < end and text[found] == QUOTE:
        behind = contraction_end(text, found + 1, end, ANY_CASE)
        if behind > found + 1:
            return behind
    return found


@kernel(f"int64({TEXT}, int64, int64, uint8[::1], int64[::1])", arrays="borrowed", callers="kernels")
def word_end(text: Any, at: Any, end: Any, classes: Any, rules: Any) -> Any:
    """Return the end of the word that starts at `at`, before `end`."""
    known, after = class_at(text, at, classes)
    if rules[CASED]:
        found = cased_word_end(text, at, end, classes)
        if found > at:
            return found
    elif known & LETTER:
        return letters_end(text, after, end, classes)
    if known & NUMBER:
        return numbers_end(text, at, end, classes, rules[DIGITS])
    if after < end:
        if text[at] == QUOTE and rules[CONTRACTIONS] != BEHIND:
            found = contraction_end(text, after, end, rules[CONTRACTIONS])
            if found > after:
                return found
        following, behind = class_at(text, after, classes)
        spaced = text[at] == SPACE
        if following & LETTER and not rules[CASED] and (spaced or (rules[PREFIX] and known & LINE == 0)):
            return letters_end(text, behind, end, classes)
        if spaced and following & NUMBER and rules[DIGITS] == 0:
            return numbers_end(text, after, end, classes, 0)
        if spaced and following & (LETTER | NUMBER | WHITE) == 0:
            return symbols_end(text, after, end, classes, rules)
    if known & WHITE:
        return white_end(text, at, end, classes, rules)
    return symbols_end(text, at, end, classes, rules)


@kernel(f"boolean({TEXT}, int64, int64)", arrays="borrowed")
def has_lead(text: Any, start: Any, end: Any) -> Any:
    """Return whether a character of several bytes begins in text[start:end]."""
    at = start
    while at < end and text[at] < LEAD:
        at += 1
    return at < end
