"""Cut text at the matches of a pattern, and say what becomes of what matched.

"a--b" at "-":   Isolated a | - | - | b      Contiguous a | -- | b      Removed a | b
                 MergedWithPrevious a- | - | b      MergedWithNext a | - | -b
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.patterns import Pattern

Behavior = Literal["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]

Part = tuple[int, int, bool]  # start, end, whether it matched


@dataclass(frozen=True, kw_only=True)
class Split:
    """Cut at a pattern.

    Attributes:
        pattern: what is looked for.
        behavior: what becomes of a match.
        invert: what does not match counts as matched, and the other way round.

    Example:
        >>> rule = Split(pattern=Pattern(text="-"), behavior="MergedWithPrevious")
        >>> [word.text for word in rule.split(AlignedText.of("a--b"))]
        ['a-', '-', 'b']
    """

    pattern: Pattern
    behavior: Behavior
    invert: bool = False

    def split(self, text: AlignedText) -> list[AlignedText]:
        """Return the parts."""
        parts = parts_of(len(text), self.pattern.matches(text.text))
        if self.invert:
            parts = ((start, end, not matched) for start, end, matched in parts)
        return cut_parts(text, parts, self.behavior)


def split_where(text: AlignedText, matches: Callable[[str], bool], behavior: Behavior) -> list[AlignedText]:
    """Cut at every character of a kind.

    Args:
        text: what is cut.
        matches: says whether a character is of the kind.
        behavior: what becomes of these characters.
    """
    places = ((at, at + 1) for at, char in enumerate(text.text) if matches(char))
    return cut_parts(text, parts_of(len(text), places), behavior)


def parts_of(length: int, matches: Iterable[tuple[int, int]]) -> Iterator[Part]:
    """Yield the matches and what lies between them, in order."""
    done = 0
    for start, end in matches:
        if done < start:
            yield done, start, False
        yield start, end, True
        done = end
    if done < length:
        yield done, length, False


def cut_parts(text: AlignedText, parts: Iterable[Part], behavior: Behavior) -> list[AlignedText]:
    """Return the words that the parts make under a behavior."""
    if behavior == "Isolated":
        return [text.cut(start, end) for start, end, _ in parts]
    if behavior == "Removed":
        return [text.cut(start, end) for start, end, matched in parts if not matched]
    if behavior == "MergedWithNext":
        mirrored = [(-end, -start, matched) for start, end, matched in parts][::-1]
        return [text.cut(-end, -start) for start, end in reversed(_joined_to_last(mirrored))]
    if behavior == "Contiguous":
        return [text.cut(start, end) for start, end in _runs(parts)]
    return [text.cut(start, end) for start, end in _joined_to_last(parts)]


def _joined_to_last(parts: Iterable[Part]) -> list[tuple[int, int]]:
    """Join each match to what is before it; the second of two matches in a row stands alone."""
    words: list[tuple[int, int]] = []
    before = False
    for start, end, matched in parts:
        if matched and not before and words:
            words[-1] = words[-1][0], end
        else:
            words.append((start, end))
        before = matched
    return words


def _runs(parts: Iterable[Part]) -> list[tuple[int, int]]:
    """Join matches that follow one another."""
    words: list[tuple[int, int]] = []
    before = False
    for start, end, matched in parts:
        if matched == before and words:
            words[-1] = words[-1][0], end
        else:
            words.append((start, end))
        before = matched
    return words
