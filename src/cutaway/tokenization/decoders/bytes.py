"""Pieces that are bytes: letters that stand for them, or pieces like <0xE2> for what had none of its own.

Bytes that are not UTF-8, half of a character mostly, become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cutaway.tokenization.normalizers.byte_level import BYTES

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, kw_only=True)
class ByteLevelDecoder:
    """Read letters as the bytes that they stand for; see normalizers/byte_level.py.

    Example:
        >>> ByteLevelDecoder().decode(["Ã", "©", "Ġb"])
        ['é b']
    """

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the whole text in one string; a token with another character counts as it stands."""
        raw = b"".join(_raw(token) for token in tokens)
        return [raw.decode("utf-8", "replace")]


@dataclass(frozen=True, kw_only=True)
class ByteFallback:
    """Join runs of byte pieces to the characters that they spell.

    Example:
        >>> ByteFallback().decode(["a", "<0xC3>", "<0xA9>", "b", "<0xC3>"])
        ['a', 'é', 'b', '\N{REPLACEMENT CHARACTER}']
    """

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens, each run of byte pieces as text; a run that is no text, one U+FFFD a byte."""
        found: list[str] = []
        run = bytearray()
        for token in tokens:
            if match := _BYTE_PIECE.fullmatch(token):
                run.append(int(match[1], 16))
                continue
            found += _spelled(run)
            run.clear()
            found.append(token)
        return found + _spelled(run)


def _raw(token: str) -> bytes:
    try:
        return bytes(BYTES[letter] for letter in token)
    except KeyError:
        return token.encode("utf-8")


def _spelled(run: bytearray) -> list[str]:
    if not run:
        return []
    try:
        return [run.decode("utf-8")]
    except UnicodeDecodeError:
        return ["\ufffd"] * len(run)
