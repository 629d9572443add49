"""SentencePiece's way back: ▁ to spaces without the first, byte pieces to text, what is unknown as ⁇.

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.1; the surfaces are those of a .model file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cutaway.tokenization.normalizers.sentencepiece import SPACE

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, kw_only=True)
class SentencePieceDecoder:
    """Join pieces as the .model file says.

    Attributes:
        dummy_prefix: a ▁ was put before the text, so the first one goes.
        squeezed: extra spaces were dropped, so all ▁ at the start go.
        unknown: the piece for the unknown.
        unknown_surface: what is shown for it.

    Example:
        >>> SentencePieceDecoder().decode(["▁Hello", "<0xC3>", "<0xA9>", "<unk>"])
        ['Helloé ⁇ ']
    """

    dummy_prefix: bool = True
    squeezed: bool = True
    unknown: str = "<unk>"
    unknown_surface: str = field(default=" \u2047 ")

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the whole text in one string."""
        raw = bytearray()
        opening = self.dummy_prefix or self.squeezed
        for token in tokens:
            if match := _BYTE_PIECE.fullmatch(token):
                raw.append(int(match[1], 16))
                opening = False
                continue
            if opening and token.startswith(SPACE):
                token = token.removeprefix(SPACE)
                # Where only the dummy was put there, one ▁ goes and what follows stands.
                opening = self.squeezed and token == ""
            else:
                opening = False
            text = self.unknown_surface if token == self.unknown else token.replace(SPACE, " ")
            raw += text.encode("utf-8")
        return [_text(bytes(raw))]


def _text(raw: bytes) -> str:
    """Decode, one U+FFFD for each byte that is no part of a character."""
    parts = []
    while raw:
        try:
            parts.append(raw.decode("utf-8"))
            break
        except UnicodeDecodeError as error:
            parts += [raw[: error.start].decode("utf-8"), "\ufffd"]
            raw = raw[error.start + 1 :]
    return "".join(parts)
