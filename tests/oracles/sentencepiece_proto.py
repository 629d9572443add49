"""The members of a protocol buffer message, read as the wire format says; nothing shared with the package."""

from __future__ import annotations


def members(message: bytes) -> list[tuple[int, bytes | int]]:
    """Return (field number, value) of every member: bytes of a string or message, else a number."""
    found: list[tuple[int, bytes | int]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            found.append((number, varint()))
        else:
            size = varint() if wire == 2 else {1: 8, 5: 4}[wire]
            found.append((number, message[at : at + size]))
            at += size
    return found


def member(message: bytes, number: int) -> bytes:
    """Return the one member of this number, which is bytes."""
    (value,) = [value for at, value in members(message) if at == number and isinstance(value, bytes)]
    return value
