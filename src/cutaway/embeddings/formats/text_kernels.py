"""The kernel that reads rows of vectors as text: a word, then numbers, between single spaces.

It reads what Clinger 1990 (How to read floating point numbers accurately, PLDI) shows to need no
more than one float64 operation: up to 2^53 in digits, up to 22 places of the point. Whatever else
there is, it leaves to a slower reader.
"""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel

TENS = 10.0 ** np.arange(23)


@kernel("int64(uint8[::1], float64[::1], float32[:, ::1], uint8[::1], int32[::1])")
def parse_rows(raw, tens, vectors, text, word_ends):  # type: ignore[no-untyped-def]  # noqa: PLR0915
    """Read one row a line; return how many there are, or -1 for anything unusual.

    `text` takes the words one after the other, `word_ends` where each ends, from the second place on.
    """
    rows, dim = vectors.shape
    at = written = row = 0
    end = len(raw)
    while at < end:
        if row == rows:
            return -1
        start = at
        while at < end and raw[at] > 32:
            text[written] = raw[at]
            written += 1
            at += 1
        if at in (start, end) or raw[at] != 32:
            return -1
        word_ends[row + 1] = written
        for d in range(dim):
            if at >= end or raw[at] != 32:
                return -1
            at += 1
            negative = at < end and raw[at] == 45
            if negative:
                at += 1
            digits = np.uint64(0)
            count = places = 0
            while at < end and 48 <= raw[at] <= 57:
                digits = digits * np.uint64(10) + np.uint64(raw[at] - 48)
                count += 1
                at += 1
            if at < end and raw[at] == 46:
                at += 1
                while at < end and 48 <= raw[at] <= 57:
                    digits = digits * np.uint64(10) + np.uint64(raw[at] - 48)
                    count += 1
                    places += 1
                    at += 1
            if count == 0 or count > 18 or digits > np.uint64(1 << 53):
                return -1
            power = -places
            if at < end and (raw[at] | 32) == 101:
                at += 1
                down = at < end and raw[at] == 45
                if at < end and (raw[at] == 45 or raw[at] == 43):
                    at += 1
                exponent = figures = 0
                while at < end and 48 <= raw[at] <= 57:
                    exponent = exponent * 10 + raw[at] - 48
                    figures += 1
                    at += 1
                if figures == 0 or figures > 3:
                    return -1
                power += -exponent if down else exponent
            if power < -22 or power > 22:
                return -1
            number = np.float64(digits)
            number = number * tens[power] if power > 0 else number / tens[-power]
            vectors[row, d] = -number if negative else number
        while at < end and raw[at] == 32:
            at += 1
        if at < end and raw[at] == 13:
            at += 1
        if at < end:
            if raw[at] != 10:
                return -1
            at += 1
        row += 1
    return row
