"""A SentencePiece character map, applied as the reference tokenizers apply it: grapheme by grapheme.

Departs: SentencePiece itself takes the longest string of the map at every place (sentencepiece.py). The
tokenizers that were converted from it look up short graphemes as a whole, then single characters, and take
the shortest string that fits. Models that ship with a tokenizer.json were used that way, so it is kept.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from cutaway.core.errors import FormatError
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.graphemes import graphemes
from cutaway.tokenization.normalizers.charsmap import CharsMap, chars_map

_LONGEST_GRAPHEME = 6  # bytes; one of so many or more is looked up by its characters


@dataclass(frozen=True, kw_only=True)
class Precompiled:
    """Replace characters by a precompiled map.

    Attributes:
        precompiled_charsmap: the map, in base64.

    Raises:
        FormatError: it is not base64, or damaged.
    """

    precompiled_charsmap: str

    def __post_init__(self) -> None:
        try:
            raw = base64.b64decode(self.precompiled_charsmap, validate=True)
        except (binascii.Error, ValueError) as error:
            raise FormatError(f"precompiled_charsmap is not base64: {error}") from error
        object.__setattr__(self, "_map", chars_map(raw))

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text with the map applied."""
        return text.rewritten(_changes(text.text, self._map))  # type: ignore[attr-defined]


def _changes(text: str, known: CharsMap) -> list[tuple[str, int]]:
    changes: list[tuple[str, int]] = []
    for grapheme in graphemes(text):
        whole = _replacement(grapheme, known) if len(grapheme.encode("utf-8")) < _LONGEST_GRAPHEME else None
        if whole is not None:
            _replace(changes, grapheme, whole)
            continue
        for char in grapheme:
            part = _replacement(char, known)
            _replace(changes, char, char if part is None else part)
    return changes


def _replacement(part: str, known: CharsMap) -> str | None:
    found = known.prefixes(part.encode("utf-8"))
    return found[0][1] if found else None


def _replace(changes: list[tuple[str, int]], old: str, new: str) -> None:
    """Add the changes from `old` to `new`: too many are put in at the end, or dropped with the last."""
    changes += [(char, int(at >= len(old))) for at, char in enumerate(new)]
    if changes and len(new) < len(old):
        char, change = changes[-1]
        changes[-1] = char, change + len(new) - len(old)
