"""A pattern as tokenizer.json writes it: a string that is meant as it stands, or a regular expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cutaway.tokenization.splitters.patterns import compiled, split_by_pattern


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A string or a regular expression.

    Attributes:
        text: what is looked for.
        kind: "string" or "regex".

    Raises:
        FormatError: the regular expression is not valid.
    """

    text: str
    kind: Literal["string", "regex"] = "string"

    def __post_init__(self) -> None:
        if self.kind == "regex":
            compiled(self.text)

    def matches(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the place of each match, in order; no match is empty.

        Example:
            >>> list(Pattern(text="ab").matches("abcab"))
            [(0, 2), (3, 5)]
        """
        if self.kind == "regex":
            yield from split_by_pattern(text, self.text)
            return
        at = text.find(self.text) if self.text else -1
        while at >= 0:
            yield at, at + len(self.text)
            at = text.find(self.text, at + len(self.text))
