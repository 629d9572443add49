"""What `encode` returns: one text as tokens, each with its id and its place in the text."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """One encoded text; the lists are of equal length.

    Attributes:
        ids: the number of each token in the vocabulary.
        tokens: its text, as the vocabulary writes it.
        offsets: the characters [start, end) of the original text that it covers; (0, 0) for a token
            that was added.
        word_ids: the number of the word it belongs to; None for a token that was added.
        type_ids: the segment, 0 throughout for a single text.
    """

    ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, token: str, token_id: int, offsets: tuple[int, int], word: int | None) -> None:
        """Add one token at the end."""
        self.ids.append(token_id)
        self.tokens.append(token)
        self.offsets.append(offsets)
        self.word_ids.append(word)
        self.type_ids.append(0)
