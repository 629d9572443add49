"""SentencePiece's map of characters: which strings are replaced by which, as a trie in a byte string.

The trie is a double array: each unit of 32 bits holds a label, whether a string ends here, and the offset to
its children, whose units stand at offset XOR label. A string that ends leads to a unit with the place of its
replacement in the second part of the bytes, where each replacement ends with a zero byte.

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.2 (normalization as a finite state transducer);
Aoe 1989, An Efficient Digital Search Algorithm by Using a Double-Array Structure.
"""

from __future__ import annotations

import struct
from functools import cache

from cutaway.core.errors import FormatError

_LABEL = 0x800000FF
_VALUE = 0x7FFFFFFF
_ENDS = 1 << 8
_FAR = 1 << 9


class CharsMap:
    """The strings that are replaced, and by what.

    Args:
        raw: the length of the trie in bytes (32 bits, little-endian), the trie, the replacements.

    Raises:
        FormatError: the bytes are too short for what they claim, or not UTF-8.
    """

    def __init__(self, raw: bytes) -> None:
        size = struct.unpack_from("<I", raw)[0] if len(raw) >= 4 else 0
        if size % 4 or not 0 < size <= len(raw) - 4:
            raise FormatError(
                f"the precompiled character map is damaged: it claims a trie of {size} bytes in {len(raw)}"
            )
        self._units = struct.unpack_from(f"<{size // 4}I", raw, 4)
        self._replacements = raw[4 + size :]
        try:
            self._replacements.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(
                f"the precompiled character map is damaged: byte {error.start} of its text is not UTF-8"
            ) from error
        self._first = [self._unit(_offset(self._units[0]) ^ byte) for byte in range(256)]

    def prefixes(self, raw: bytes) -> list[tuple[int, str]]:
        """Return each prefix of `raw` that the map has: its length in bytes and its replacement.

        Raises:
            FormatError: the trie leads out of itself.
        """
        found = []
        at = _offset(self._units[0])
        for length, byte in enumerate(raw, 1):
            at ^= byte
            unit = self._unit(at)
            if byte == 0 or unit & _LABEL != byte:
                break
            at ^= _offset(unit)
            if unit & _ENDS:
                found.append((length, self._replacement(self._unit(at) & _VALUE)))
        return found

    def reaches_on(self, raw: bytes) -> bool:
        """Say whether a string of the map starts with these bytes and goes on with an ASCII character."""
        at = _offset(self._units[0])
        for byte in raw:
            at ^= byte
            unit = self._unit(at)
            if byte == 0 or unit & _LABEL != byte:
                return False
            at ^= _offset(unit)
        return any(self._unit(at ^ byte) & _LABEL == byte for byte in range(1, 128))

    def may_start(self, byte: int) -> bool:
        """Say whether any string of the map starts with this byte."""
        return byte != 0 and self._first[byte] & _LABEL == byte

    def _unit(self, at: int) -> int:
        # Beyond the end nothing is stored, and no label is negative.
        return self._units[at] if at < len(self._units) else _LABEL

    def _replacement(self, start: int) -> str:
        end = self._replacements.find(b"\0", start)
        if start > len(self._replacements) or end < 0:
            raise FormatError(f"the precompiled character map is damaged: it has no text at byte {start}")
        return self._replacements[start:end].decode("utf-8", "replace")


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & _FAR) >> 6)


@cache
def chars_map(raw: bytes) -> CharsMap:
    """Return the map in these bytes, read once.

    Raises:
        FormatError: the bytes hold none.
    """
    return CharsMap(raw)
