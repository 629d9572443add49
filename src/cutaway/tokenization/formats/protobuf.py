"""Protocol buffer messages, as much of them as a SentencePiece .model needs: fields by number, and back.

Each field is a key (number << 3 | wire type) and a value: a varint, 4 or 8 bytes, or a length and so many
bytes.

Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from cutaway.core.errors import FormatError

Value = int | float | bytes

_VARINT: Final = 0
_FIXED: Final = {1: ("<d", 8), 5: ("<f", 4)}
_COUNTED: Final = 2
_LONGEST_VARINT: Final = 10


class Message:
    """The fields of one message.

    Args:
        raw: its bytes.
        place: what it is, for error messages.

    Raises:
        FormatError: the bytes end too soon, or are no message.

    Example:
        >>> Message(bytes([0x08, 0x96, 0x01])).number(1, 0)
        150
    """

    def __init__(self, raw: bytes, place: str = "the message") -> None:
        self._raw, self._at, self._place = raw, 0, place
        self._fields: dict[int, list[Value]] = {}
        while self._at < len(raw):
            key = self._varint()
            self._fields.setdefault(key >> 3, []).append(self._value(key & 7))

    def all(self, field: int) -> list[Value]:
        """Return every value of a field, in order."""
        return self._fields.get(field, [])

    def text(self, field: int, default: str) -> str:
        """Return a string; the last one counts.

        Raises:
            FormatError: it is not UTF-8.
        """
        try:
            return self.raw(field, default.encode("utf-8")).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"{self._place}: field {field} is not UTF-8: {error}") from error

    def raw(self, field: int, default: bytes = b"") -> bytes:
        """Return bytes; the last ones count.

        Raises:
            FormatError: the field is a number.
        """
        value = self.all(field)[-1] if self.all(field) else default
        if not isinstance(value, bytes):
            raise FormatError(f"{self._place}: field {field} is {value}: it must be bytes")
        return value

    def number(self, field: int, default: int) -> int:
        """Return a whole number; negative ones are written in 64 bits.

        Raises:
            FormatError: the field is something else.
        """
        value = self.all(field)[-1] if self.all(field) else default
        if not isinstance(value, int):
            raise FormatError(f"{self._place}: field {field} is {value!r}: it must be a whole number")
        return value - (1 << 64) if value >= 1 << 63 else value

    def real(self, field: int, default: float) -> float:
        """Return a number with fraction.

        Raises:
            FormatError: the field is something else.
        """
        value = self.all(field)[-1] if self.all(field) else default
        if not isinstance(value, float):
            raise FormatError(f"{self._place}: field {field} is {value!r}: it must be a number with fraction")
        return value

    def _value(self, wire: int) -> Value:
        if wire == _VARINT:
            return self._varint()
        if wire in _FIXED:
            form, size = _FIXED[wire]
            value: float = struct.unpack(form, self._take(size))[0]
            return value
        if wire == _COUNTED:
            return self._take(self._varint())
        raise FormatError(f"{self._place} is damaged at byte {self._at}: there is no wire type {wire}")

    def _take(self, size: int) -> bytes:
        part = self._raw[self._at : self._at + size]
        if len(part) < size:
            raise FormatError(
                f"{self._place} is cut short: byte {self._at} announces {size} bytes and {len(part)} follow"
            )
        self._at += size
        return part

    def _varint(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value & ((1 << 64) - 1)
        raise FormatError(f"{self._place} is damaged at byte {self._at}: a number does not end")


def message(fields: Iterable[tuple[int, Value]]) -> bytes:
    """Write a message.

    Args:
        fields: number and value of each field; floats are written in 32 bits.

    Returns:
        The bytes.

    Example:
        >>> message([(1, 150)]).hex()
        '089601'
    """
    parts = []
    for field, value in fields:
        if isinstance(value, bytes):
            parts.append(_varint(field << 3 | _COUNTED) + _varint(len(value)) + value)
        elif isinstance(value, float):
            parts.append(_varint(field << 3 | 5) + struct.pack("<f", value))
        else:
            parts.append(_varint(field << 3) + _varint(value % (1 << 64)))
    return b"".join(parts)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
