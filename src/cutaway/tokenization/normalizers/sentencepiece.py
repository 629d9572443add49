"""SentencePiece's own normalizer: the longest match of the character map, then its way with spaces.

    "  Hello   ｗorld "  →  ▁Hello▁world

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.2; the options are those of a .model file's
normalizer_spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cutaway.core.errors import FormatError
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.charsmap import CharsMap, chars_map

SPACE: Final = "\u2581"  # ▁, which stands for a space
_LONGEST = 1 << 8  # bytes; no string of a map is longer


@dataclass(frozen=True, kw_only=True)
class SentencePieceNormalizer:
    """Normalize as a .model file says.

    Attributes:
        charsmap: the precompiled map; empty for none.
        add_dummy_prefix: put ▁ before the text.
        remove_extra_whitespaces: drop spaces at the ends, and all but one between words.
        escape_whitespaces: write spaces as ▁.
        whitespace_as_suffix: the dummy ▁ goes behind the text.
        user_defined: pieces that are kept as they stand.

    Raises:
        FormatError: the map is damaged.

    Example:
        >>> SentencePieceNormalizer().apply(AlignedText.of(" a  b ")).text
        '▁a▁b'
    """

    charsmap: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True
    whitespace_as_suffix: bool = False
    user_defined: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.charsmap:
            chars_map(self.charsmap)

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the normalized text; an added ▁ shares the place of its neighbor."""
        chars, sources = self._squeezed(text.text)
        if not chars and not self._keeps_dummy(text.text):
            return text.cut(0, 0)
        if not chars:
            return text.picked(SPACE if self.escape_whitespaces else " ", [0])
        if self.add_dummy_prefix:
            at = len(chars) if self.whitespace_as_suffix else 0
            sources.insert(at, sources[at - 1] if at else sources[0])
            chars.insert(at, " ")
        joined = "".join(chars)
        return text.picked(joined.replace(" ", SPACE) if self.escape_whitespaces else joined, sources)

    def mapped_alone(self) -> tuple[Callable[[str], str], Callable[[str], bool]]:
        """Return functions: what the map alone makes of a text; whether ASCII behind it may change that."""
        known: CharsMap | None = chars_map(self.charsmap) if self.charsmap else None

        def reaches_on(text: str) -> bool:
            return known is not None and any(
                known.reaches_on(text[at:].encode("utf-8")) for at in range(len(text))
            )

        return (lambda text: "".join(part for part, _ in self._parts(text))), reaches_on

    def _keeps_dummy(self, text: str) -> bool:
        """Say whether the dummy stays of a text of which nothing else does: not of one of spaces."""
        squeezes = self.remove_extra_whitespaces
        gone = squeezes and (
            not self.whitespace_as_suffix or all(part == " " for part, _ in self._parts(text))
        )
        return bool(text) and self.add_dummy_prefix and not gone

    def _squeezed(self, text: str) -> tuple[list[str], list[int]]:
        """Return the characters and their sources, extra spaces gone if they are to go."""
        chars: list[str] = []
        sources: list[int] = []
        squeezes = self.remove_extra_whitespaces
        for part, source in self._parts(text):
            if squeezes and (not chars or chars[-1] == " "):
                part = part.lstrip(" ")
            chars += part
            sources += [source] * len(part)
        # At the end, a ▁ that was there counts as a space; within the text it does not.
        last = (" ", SPACE) if self.escape_whitespaces else (" ",)
        while squeezes and chars and chars[-1] in last:
            chars.pop()
            sources.pop()
        return chars, sources

    def _parts(self, text: str) -> Iterator[tuple[str, int]]:
        """Yield what the map makes of the text, piece by piece, with the place of each piece."""
        known: CharsMap | None = chars_map(self.charsmap) if self.charsmap else None
        kept = sorted(self.user_defined, key=len, reverse=True)
        at = 0
        while at < len(text):
            symbol = next((piece for piece in kept if text.startswith(piece, at)), None)
            if symbol is not None:
                yield from zip(symbol, range(at, at + len(symbol)), strict=True)
                at += len(symbol)
                continue
            found = None
            if known and known.may_start(text[at].encode("utf-8")[0]):
                found = _longest(known, text[at : at + _LONGEST])
            yield (text[at], at) if found is None else (found[1], at)
            at += 1 if found is None else found[0]


def _longest(known: CharsMap, text: str) -> tuple[int, str] | None:
    """Return the longest string of the map that the text starts with, in characters, and what it becomes."""
    raw = text.encode("utf-8")
    found = known.prefixes(raw)
    if not found:
        return None
    length, new = found[-1]
    try:
        return len(raw[:length].decode("utf-8")), new
    except UnicodeDecodeError as error:
        raise FormatError("the precompiled character map is damaged: it splits a character") from error
