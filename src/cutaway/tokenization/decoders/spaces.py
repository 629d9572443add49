"""Where the spaces go: ▁ back to a space, an ending back to one, characters off the ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cutaway.tokenization.patterns import Pattern


@dataclass(frozen=True, kw_only=True)
class MetaspaceDecoder:
    """Write ▁ as a space; the first token loses it, unless none was put there.

    Attributes:
        replacement: what stands for a space.
        prepend_scheme: as for the splitter.
        cuts: as for the splitter; no effect here.

    Example:
        >>> MetaspaceDecoder().decode(["▁Hello", "▁wor", "ld"])
        ['Hello', ' wor', 'ld']
    """

    replacement: str = "▁"
    prepend_scheme: Literal["always", "first", "never"] = "always"
    cuts: bool = True

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens with spaces."""
        first = " " if self.prepend_scheme == "never" else ""
        return [token.replace(self.replacement, " " if at else first) for at, token in enumerate(tokens)]


@dataclass(frozen=True, kw_only=True)
class SuffixDecoder:
    """Write the mark at the end of a word as a space, and that of the last word as nothing.

    Attributes:
        suffix: the mark.
    """

    suffix: str = "</w>"

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens with spaces."""
        last = len(tokens) - 1
        return [token.replace(self.suffix, "" if at == last else " ") for at, token in enumerate(tokens)]


@dataclass(frozen=True, kw_only=True)
class ReplaceDecoder:
    """Replace every match of a pattern in each token.

    Attributes:
        pattern: a string or a regular expression.
        content: what stands there afterwards.
    """

    pattern: Pattern
    content: str

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the replaced tokens."""
        return [self._replaced(token) for token in tokens]

    def _replaced(self, token: str) -> str:
        parts, done = [], 0
        for start, end in self.pattern.matches(token):
            parts += [token[done:start], self.content]
            done = end
        return "".join(parts) + token[done:]


@dataclass(frozen=True, kw_only=True)
class StripDecoder:
    """Take a character off the ends of each token, at most so many.

    Attributes:
        content: the character.
        start: how many at the start.
        stop: how many at the end.
    """

    content: str = " "
    start: int = 0
    stop: int = 0

    def decode(self, tokens: Sequence[str]) -> list[str]:
        """Return the shorter tokens."""
        return [self._stripped(token) for token in tokens]

    def _stripped(self, token: str) -> str:
        first, last = 0, len(token)
        while first < min(self.start, len(token)) and token[first] == self.content:
            first += 1
        while last > max(len(token) - self.stop, 0) and token[last - 1] == self.content:
            last -= 1
        return token[first:last]
