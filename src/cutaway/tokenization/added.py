"""Added tokens: strings that are found in the text before anything else is done, and stay whole.

    "Paris is [MASK]."  →  "Paris is " | [MASK] | "."

Most are matched in the text as it stands. One that is `normalized` is matched after normalization, and in
its own normalized form, in what lies between the others. Each stretch of ordinary text is normalized by
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.strip import is_white
from cutaway.tokenization.stages import Normalizer


@dataclass(frozen=True, kw_only=True)
class AddedToken:
    """A token that is found as a string.

    Attributes:
        id: its number.
        content: the string.
        single_word: only where no character of a word stands beside it.
        lstrip: takes the white space before it in.
        rstrip: takes the white space behind it in.
        normalized: matched after normalization.
        special: `decode` leaves it out.
    """

    id: int
    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True


class Stretch(NamedTuple):
    """A part of the text; `token` is the added token that it is, None for ordinary text."""

    text: AlignedText
    token: AddedToken | None


class AddedTokens:
    """Finds added tokens: leftmost first, the longest of those that start there.

    Args:
        tokens: the tokens.
        normalizer: the pipeline's.

    Example:
        >>> found = AddedTokens([AddedToken(id=0, content="[MASK]", lstrip=True)], None)
        >>> [part.text.text for part in found.cut(AlignedText.of("Paris is [MASK]."))]
        ['Paris is', ' [MASK]', '.']
    """

    def __init__(self, tokens: Iterable[AddedToken], normalizer: Normalizer | None) -> None:
        self._normalizer = normalizer
        plain: dict[str, AddedToken] = {}
        normalized: dict[str, AddedToken] = {}
        for token in tokens:
            if not token.normalized:
                plain.setdefault(token.content, token)
            else:
                normalized.setdefault(self._normalize(AlignedText.of(token.content)).text, token)
        self._plain = _Finder(plain)
        self._normalized = _Finder(normalized)

    def cut(self, text: AlignedText) -> Iterator[Stretch]:
        """Yield added tokens and normalized stretches of ordinary text, in order, none of them empty."""
        for stretch in self._plain.cut(text):
            if stretch.token is not None:
                yield stretch
            else:
                yield from self._normalized.cut(self._normalize(stretch.text))

    def raw_parts(self, text: AlignedText) -> Iterator[Stretch]:
        """Yield the stretches before normalization, for a trace."""
        return self._plain.cut(text)

    def _normalize(self, text: AlignedText) -> AlignedText:
        return self._normalizer.apply(text) if self._normalizer else text


class _Finder:
    """Cuts text at a set of strings."""

    def __init__(self, tokens: dict[str, AddedToken]) -> None:
        self._tokens = {content: token for content, token in tokens.items() if content}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def cut(self, text: AlignedText) -> Iterator[Stretch]:
        done = 0
        for match in self._pattern.finditer(text.text) if self._pattern else ():
            token = self._tokens[match.group()]
            start, end = match.span()
            if token.single_word and _in_a_word(text.text, start, end):
                continue
            if token.lstrip:
                start = max(_start_of_space(text.text, start), done)
            if token.rstrip:
                end = _end_of_space(text.text, end)
            if done < start:
                yield Stretch(text.cut(done, start), None)
            yield Stretch(text.cut(start, end), token)
            done = end
        if done < len(text):
            yield Stretch(text.cut(done, len(text)), None)


def _in_a_word(text: str, start: int, end: int) -> bool:
    return (start > 0 and _of_words(text[start - 1])) or (end < len(text) and _of_words(text[end]))


@lru_cache(1 << 12)
def _of_words(char: str) -> bool:
    from cutaway.tokenization.splitters.plain import kind_of

    return kind_of(char) == "w"


def _start_of_space(text: str, at: int) -> int:
    while at > 0 and is_white(text[at - 1]):
        at -= 1
    return at


def _end_of_space(text: str, at: int) -> int:
    while at < len(text) and is_white(text[at]):
        at += 1
    return at
