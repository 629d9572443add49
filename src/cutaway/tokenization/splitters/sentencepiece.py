"""SentencePiece's words: symbols that the user named stand alone, and a word may begin at each ▁.

    "▁Hello▁▁world<sep>!"  →  ▁Hello | ▁▁world | <sep> | !

SentencePiece itself gives the whole text to its model. Where no piece reaches from a letter over a ▁, no
piece crosses such a cut, and the parts can be encoded one by one with the same result.

Source: Kudo and Richardson 2018, arXiv:1808.06226, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.sentencepiece import SPACE

_WORD_START = re.compile(f"(?<=[^{SPACE}])(?={SPACE})")


@dataclass(frozen=True, kw_only=True)
class SentencePieceSplitter:
    """Cut out symbols, and cut before spaces where that changes nothing.

    Attributes:
        user_defined: symbols that are pieces wherever they stand, the longest first where several fit.
        at_spaces: whether words are cut: "cut" or "whole".

    Example:
        >>> [word.text for word in SentencePieceSplitter(at_spaces="cut").split(AlignedText.of("▁a▁▁b"))]
        ['▁a', '▁▁b']
    """

    user_defined: tuple[str, ...] = ()
    at_spaces: str = "whole"

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the words."""
        words: list[AlignedText] = []
        at = 0
        found = self._symbols.finditer(text.text) if self._symbols else iter(())
        for symbol in found:
            words += self._words(text.cut(at, symbol.start()))
            words.append(text.cut(*symbol.span()))
            at = symbol.end()
        return words + self._words(text.cut(at, len(text)))

    def _words(self, text: AlignedText) -> list[AlignedText]:
        if self.at_spaces == "whole" or not text.text:
            return [text]
        cuts = [0, *(match.start() for match in _WORD_START.finditer(text.text)), len(text)]
        return [text.cut(start, end) for start, end in pairwise(cuts)]

    @cached_property
    def _symbols(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.user_defined, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def may_cut_at_spaces(pieces: Iterable[str]) -> bool:
    """Say whether no piece reaches from another character over a ▁.

    Args:
        pieces: all that text may spell.
    """
    return not any(_WORD_START.search(piece) for piece in pieces)
