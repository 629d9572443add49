"""The hashes of a word's n-grams, straight from its bytes."""

from __future__ import annotations

import numpy as np

from cutaway.core.jit import kernel


@kernel("int64(uint8[::1], int64, int64, int64, int64[::1])")
def gram_buckets(raw, shortest, longest, buckets, out):  # type: ignore[no-untyped-def]
    """Write the bucket of each n-gram of a marked word, by place, then by length; return how many."""
    written = 0
    size = len(raw)
    for start in range(size):
        if raw[start] & 0xC0 == 0x80:  # inside a character
            continue
        h = np.uint32(2166136261)
        at = start
        letters = 0
        while at < size and letters < longest:
            while True:
                byte = np.uint32(raw[at])
                if byte > 127:
                    byte |= np.uint32(0xFFFFFF00)
                h = np.uint32((np.uint64(h ^ byte) * np.uint64(16777619)) & np.uint64(0xFFFFFFFF))
                at += 1
                if at >= size or raw[at] & 0xC0 != 0x80:
                    break
            letters += 1
            if letters >= shortest and not (letters == 1 and (start == 0 or at == size)):
                out[written] = np.int64(h) % buckets
                written += 1
    return written
