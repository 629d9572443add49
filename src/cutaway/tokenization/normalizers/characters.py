"""What BERT's uncased normalizer makes of each character, by its own Unicode tables.

BERT drops some characters, sets others apart, and folds the rest: decompose (é → e + ◌́), strip the
marks, lower-case. Which character is which was frozen when the reference tokenizer was built: it keeps
code points that its Unicode did not know yet and leaves newer marks in place. A vocabulary is only
right with the tables it was made with, so they are data here (`bert_characters.json`, made by
tools/make_bert_characters.py), and the Python version does not matter.

Source: Devlin et al. 2019, arXiv:1810.04805, and the reference code of BERT; the Unicode Standard,
chapter 3.11 (decomposition, canonical order) and 3.12 (Hangul).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["removed", "space", "ideograph", "punctuation", "mark", "word"]

_KINDS: tuple[Kind, ...] = ("removed", "space", "ideograph", "punctuation", "mark")

DATA = Path(__file__).with_name("bert_characters.json")

HANGUL_FIRST, HANGUL_LAST = 0xAC00, 0xD7A3
_LEAD, _VOWEL, _TAIL = 0x1100, 0x1161, 0x11A7
_VOWELS, _TAILS = 21, 28
_REMEMBERED = 1 << 16


class Ranges:
    """Rows [first, last, ...] in order, searched by a code point."""

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows
        self._firsts = [row[0] for row in rows]

    def find(self, code: int) -> list[int] | None:
        """Return the row whose range holds `code`, if one does."""
        at = bisect_right(self._firsts, code) - 1
        return self.rows[at] if at >= 0 and code <= self.rows[at][1] else None


@dataclass(frozen=True, slots=True)
class Character:
    """One character's fate.

    Attributes:
        kind: "removed" (controls), "space", "ideograph" (set apart by spaces), "punctuation" (a word
            of its own), "mark" (stripped), or "word" (a part of one).
        becomes: what is left of it: nothing, one character, or a few.
        parts: its decomposition, each part with its combining class and what it folds to ("" for a
            stripped mark). Parts of class 0 start a new cluster; others are sorted by class.
    """

    kind: Kind
    becomes: str
    parts: tuple[tuple[int, str], ...]


class Characters(dict[str, Character]):
    """Every character's fate, looked up on first use: `characters["É"].becomes` is "e"."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.kinds: dict[Kind, Ranges] = {kind: Ranges(data[kind]) for kind in _KINDS}
        self.lower = Ranges(data["lower"])
        self.combining = Ranges(data["combining"])
        self.decomposed: dict[str, str] = dict(
            zip(data["composed"].split("\n"), data["decomposed"].split("\n"), strict=True)
        )

    def __missing__(self, char: str) -> Character:
        parts = tuple((self.combining_class(part), self._fold(part)) for part in self.decompose(char))
        becomes = "".join(fold for _, fold in parts)
        kind = self._kind(char)
        if kind == "removed":
            becomes = ""
        elif kind == "space":
            becomes = " "
        elif kind == "word" and becomes == "":
            kind = "mark"
        elif kind == "word" and len(becomes) == 1:  # "≠" becomes "=", which stands alone
            kind = self._kind(becomes)
        if len(self) >= _REMEMBERED:
            self.clear()
        known = self[char] = Character(kind, becomes, parts)
        return known

    def decompose(self, char: str) -> str:
        """Return the full canonical decomposition: "é" → "e" + acute, "각" → three jamo.

        Source:
            The Unicode Standard, section 3.12, for Hangul.
        """
        if HANGUL_FIRST <= ord(char) <= HANGUL_LAST:
            lead, rest = divmod(ord(char) - HANGUL_FIRST, _VOWELS * _TAILS)
            vowel, tail = divmod(rest, _TAILS)
            return chr(_LEAD + lead) + chr(_VOWEL + vowel) + (chr(_TAIL + tail) if tail else "")
        return self.decomposed.get(char, char)

    def _kind(self, char: str) -> Kind:
        for kind, ranges in self.kinds.items():
            if ranges.find(ord(char)):
                return kind
        return "word"

    def combining_class(self, part: str) -> int:
        """Return the canonical combining class of a character; 0 for one that stands on its own."""
        found = self.combining.find(ord(part))
        return found[2] if found else 0

    def _fold(self, part: str) -> str:
        """Strip a mark, lower anything else."""
        if self.kinds["mark"].find(ord(part)):
            return ""
        return self.lowered(part)

    def lowered(self, part: str) -> str:
        """Return the lower case of a character that does not decompose."""
        run = self.lower.find(ord(part))
        if run and (ord(part) - run[0]) % run[2] == 0:
            return chr(ord(part) + run[3])
        return part


@cache
def bert_characters() -> Characters:
    """Return the table of BERT's uncased models, read once.

    Example:
        >>> [bert_characters()[char].becomes for char in ("É", "≠", "\\u200d")]
        ['e', '=', '']
    """
    return Characters(json.loads(DATA.read_text(encoding="ascii")))
