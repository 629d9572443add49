"""Put one string in the place of every match of a pattern, or before the whole text."""

from __future__ import annotations

from dataclasses import dataclass

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.patterns import Pattern


@dataclass(frozen=True, kw_only=True)
class Replace:
    """Replace every match of a pattern.

    Attributes:
        pattern: a string or a regular expression.
        content: what stands there afterwards, as it is written: no references to groups.

    Example:
        >>> Replace(pattern=Pattern(text=" "), content="▁").apply(AlignedText.of("a b")).text
        'a▁b'
    """

    pattern: Pattern
    content: str

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the replaced text; what is new stands for the last character that it replaced."""
        chars: list[str] = []
        sources: list[int] = []
        done = 0
        for start, end in self.pattern.matches(text.text):
            chars.append(text.text[done:start])
            sources += range(done, start)
            chars.append(self.content)
            sources += [end - 1] * len(self.content)
            done = end
        if done == 0 and not chars:
            return text
        chars.append(text.text[done:])
        sources += range(done, len(text))
        if -1 in sources:  # an empty match before the first character
            return text.rewritten(
                [(char, int(at >= 0)) for char, at in zip("".join(chars), sources, strict=True)]
            )
        return text.picked("".join(chars), sources)


@dataclass(frozen=True, kw_only=True)
class Prepend:
    """Put a string before a text that is not empty; it shares the place of the first character.

    Example:
        >>> Prepend(prepend="▁").apply(AlignedText.of("ab")).text
        '▁ab'
    """

    prepend: str

    def apply(self, text: AlignedText) -> AlignedText:
        """Return the longer text."""
        if not text.text:
            return text
        return text.picked(self.prepend + text.text, [0] * len(self.prepend) + list(range(len(text))))
