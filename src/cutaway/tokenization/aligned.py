"""Text that remembers where it came from: each character with its place in the text as it was written.

    "ﬁ é"  →  f i ␣ e     f and i both point at [0, 1), the space at [1, 2), e at [2, 3)

Normalizers and splitters turn one `AlignedText` into others, so that a token can always point back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class AlignedText:
    """Text, and for each of its characters the span of the original that it stands for.

    Nobody writes to one; it is not frozen because a frozen one takes three times as long to make.

    Attributes:
        text: the characters.
        starts: where the span of each starts in the original.
        ends: where it ends.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, text: str, start: int = 0) -> AlignedText:
        """Return text that stands for itself, `start` characters into the original.

        Example:
            >>> AlignedText.of("no", 5).span(0, 2)
            (5, 7)
        """
        return cls(text, range(start, start + len(text)), range(start + 1, start + len(text) + 1))

    def __len__(self) -> int:
        return len(self.text)

    def cut(self, start: int, end: int) -> AlignedText:
        """Return the characters from `start` to `end`, with their spans."""
        return AlignedText(self.text[start:end], self.starts[start:end], self.ends[start:end])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the original that `text[start:end]`, which is not empty, stands for."""
        return self.starts[start], self.ends[end - 1]

    def picked(self, text: str, sources: Sequence[int]) -> AlignedText:
        """Return new text whose character number i stands for what character `sources[i]` stood for.

        Example:
            >>> AlignedText.of("ﬁ!").picked("fi!", [0, 0, 1]).span(2, 3)
            (1, 2)
        """
        if isinstance(sources, range):
            part = slice(sources.start, sources.stop)
            return AlignedText(text, self.starts[part], self.ends[part])
        return AlignedText(text, [self.starts[at] for at in sources], [self.ends[at] for at in sources])

    def mapped(self, text: str) -> AlignedText:
        """Return new text of the same length, character for character."""
        return AlignedText(text, self.starts, self.ends)

    def rewritten(self, changes: Iterable[tuple[str, int]], *, first: int = 0) -> AlignedText:
        """Return what a list of changes makes of this text.

        Each entry is a new character and a number: 0, it takes the place of the next old character; 1, it
        is put in between and shares the place of the old character before; -n, it takes the place of the
        next old character, and the n after that are dropped.

        Args:
            changes: the new characters, in order.
            first: how many old characters are dropped before the first entry.

        Example:
            >>> AlignedText.of("각x").rewritten([("ᄀ", 0), ("ᅡ", 1), ("ᆨ", 1), ("x", 0)]).starts
            [0, 0, 0, 1]
        """
        chars: list[str] = []
        sources: list[int] = []
        at = first
        for char, change in changes:
            chars.append(char)
            sources.append(at - 1 if change > 0 else at)
            if change <= 0:
                at += 1 - change
        if sources and min(sources) < 0:  # put in before everything: an empty place at the start
            starts = [self.starts[at] if at >= 0 else 0 for at in sources]
            return AlignedText("".join(chars), starts, [self.ends[at] if at >= 0 else 0 for at in sources])
        return self.picked("".join(chars), sources)
