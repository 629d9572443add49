"""Unicode's four normal forms, with the place of every character kept.

    NFD   é → e ◌́           apart
    NFC   e ◌́ → é           apart, then together
    NFKD  ﬁ → f i, ① → 1     apart, look-alikes too
    NFKC                     that, then together

Source: the Unicode Standard, section 3.11 (D105 to D117) and section 3.12 for Hangul.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.characters import Ranges, bert_characters

DATA = Path(__file__).with_name("unicode_forms.json")

_LEADS, _VOWELS, _TAILS = 19, 21, 28
_LEAD, _VOWEL, _TAIL, _SYLLABLE = 0x1100, 0x1161, 0x11A7, 0xAC00

Change = tuple[str, int]  # as AlignedText.rewritten takes them


class UnicodeForms:
    """The tables of the reference tokenizer's Unicode version, read once.

    Args:
        data: the content of unicode_forms.json.
    """

    def __init__(self, data: dict[str, str | list[list[int]]]) -> None:
        self.marks, self.words = Ranges(_rows(data["mark"])), Ranges(_rows(data["word"]))
        self.numbers = Ranges(_rows(data["number"]))
        keys, values = str(data["compatible"]).split("\n"), str(data["compatibility"]).split("\n")
        self.compatible = dict(zip(keys, values, strict=True))
        apart = Ranges(_rows(data["apart"]))
        self._pairs = self._composites(apart)

    def parts(self, char: str, *, compatible: bool) -> str:
        """Return the full decomposition of one character."""
        if compatible and char in self.compatible:
            return self.compatible[char]
        return bert_characters().decompose(char)

    def composed(self, first: str, second: str) -> str | None:
        """Return the one character that two make, if they make one."""
        lead, vowel = ord(first) - _LEAD, ord(second) - _VOWEL
        if 0 <= lead < _LEADS and 0 <= vowel < _VOWELS:
            return chr(_SYLLABLE + (lead * _VOWELS + vowel) * _TAILS)
        syllable, tail = ord(first) - _SYLLABLE, ord(second) - _TAIL
        if 0 <= syllable < _LEADS * _VOWELS * _TAILS and syllable % _TAILS == 0 and 0 < tail < _TAILS:
            return chr(ord(first) + tail)
        return self._pairs.get(first + second)

    def _composites(self, apart: Ranges) -> dict[str, str]:
        """Return which two characters make one; of three parts, the first two are composed already."""
        pairs: dict[str, str] = {}
        decomposed = bert_characters().decomposed
        for char, parts in sorted(decomposed.items(), key=lambda item: len(item[1])):
            if len(parts) > 1 and not apart.find(ord(char)):
                first = parts[0]
                for part in parts[1:-1]:
                    first = pairs.get(first + part, first + part)
                pairs[first + parts[-1]] = char
        return pairs


@cache
def unicode_forms() -> UnicodeForms:
    """Return the tables.

    Example:
        >>> unicode_forms().composed("e", "\\u0301")
        'é'
    """
    return UnicodeForms(json.loads(DATA.read_text(encoding="ascii")))


def decomposed(text: str, *, compatible: bool = False) -> Iterator[Change]:
    """Yield the decomposed characters, marks sorted by combining class, each as new or as kept."""
    forms, characters = unicode_forms(), bert_characters()
    cluster: list[tuple[int, Change]] = []
    for char in text:
        for at, part in enumerate(forms.parts(char, compatible=compatible)):
            combining = characters.combining_class(part)
            if combining == 0:
                yield from _sorted(cluster)
                cluster.clear()
                yield part, int(at > 0)
            else:
                cluster.append((combining, (part, int(at > 0))))
    yield from _sorted(cluster)


def recomposed(changes: Iterable[Change]) -> Iterator[Change]:
    """Put together what composes: a starter and each mark that nothing of its class keeps it from."""
    forms, characters = unicode_forms(), bert_characters()
    starter: Change | None = None
    waiting: list[Change] = []
    last = 0
    for char, change in changes:
        combining = characters.combining_class(char)
        if starter is None:
            if combining:
                yield char, change
                continue
        else:
            made = None
            if not waiting or last < combining:
                made = forms.composed(starter[0], char)
            if made:
                starter = made, starter[1] + change - 1  # one character less stands for the same place
                continue
            if combining:
                waiting.append((char, change))
                last = combining
                continue
            yield starter
            yield from waiting
            waiting.clear()
        starter = char, change
    if starter:
        yield starter
    yield from waiting


@dataclass(frozen=True, kw_only=True)
class NFD:
    """Decompose: é → e and an accent."""

    compatible: ClassVar[bool] = False
    compose: ClassVar[bool] = False

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the text in this form."""
        if text.text.isascii():
            return text
        changes = decomposed(text.text, compatible=self.compatible)
        return text.rewritten(recomposed(changes) if self.compose else changes)


@dataclass(frozen=True, kw_only=True)
class NFKD(NFD):
    """Decompose look-alikes too: ﬁ → f and i."""

    compatible: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class NFC(NFD):
    """Decompose, then compose: one character where there is one."""

    compose: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class NFKC(NFD):
    """Decompose look-alikes too, then compose."""

    compatible: ClassVar[bool] = True
    compose: ClassVar[bool] = True


def _sorted(cluster: list[tuple[int, Change]]) -> Iterator[Change]:
    for _, change in sorted(cluster, key=lambda entry: entry[0]):
        yield change


def _rows(value: str | list[list[int]]) -> list[list[int]]:
    return [] if isinstance(value, str) else value
