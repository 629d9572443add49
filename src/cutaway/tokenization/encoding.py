"""What `encode` returns: one text, or two, as tokens, each with its id and its place in the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """Encoded text; the lists are of equal length.

    Attributes:
        ids: the number of each token in the vocabulary.
        tokens: its text, as the vocabulary writes it.
        offsets: the characters [start, end) of the original text that it covers; (0, 0) for a token
            that was added.
        word_ids: the number of the word it belongs to; None for a token that was added.
        type_ids: the segment: 0, or 1 for the second text of most pairs.
        text_ids: which text it comes from, 0 or 1; None for a token that was added.
        overflow: what truncation cut off, in parts that are encodings of their own.
    """

    ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)
    text_ids: list[int | None] = field(default_factory=list)
    overflow: list[Encoding] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, token: str, token_id: int, offsets: tuple[int, int], word: int | None) -> None:
        """Add one token at the end; it belongs to the first text, or to none if it has no word."""
        self.ids.append(token_id)
        self.tokens.append(token)
        self.offsets.append(offsets)
        self.word_ids.append(word)
        self.type_ids.append(0)
        self.text_ids.append(None if word is None else 0)

    def cut(self, start: int, end: int) -> Encoding:
        """Return the tokens from `start` to `end`."""
        part = slice(start, end)
        return Encoding(
            ids=self.ids[part],
            tokens=self.tokens[part],
            offsets=self.offsets[part],
            word_ids=self.word_ids[part],
            type_ids=self.type_ids[part],
            text_ids=self.text_ids[part],
        )

    def placed(self, *, text: int, type_id: int) -> Encoding:
        """Return the same tokens as text number `text` of a result, in segment `type_id`; overflow too."""
        return Encoding(
            ids=self.ids,
            tokens=self.tokens,
            offsets=self.offsets,
            word_ids=self.word_ids,
            type_ids=[type_id] * len(self),
            text_ids=[text] * len(self),
            overflow=[part.placed(text=text, type_id=type_id) for part in self.overflow],
        )

    @classmethod
    def all_joined(cls, parts: Sequence[Encoding]) -> Encoding:
        """Return parts one behind the other, as `joined` does with two."""
        if any(part.overflow for part in parts):
            return reduce(cls.joined, parts)
        return cls(
            ids=[number for part in parts for number in part.ids],
            tokens=[token for part in parts for token in part.tokens],
            offsets=[span for part in parts for span in part.offsets],
            word_ids=[word for part in parts for word in part.word_ids],
            type_ids=[number for part in parts for number in part.type_ids],
            text_ids=[text for part in parts for text in part.text_ids],
        )

    def joined(self, other: Encoding) -> Encoding:
        """Return both, one behind the other; each overflow of one joins the other and its overflows."""
        overflow = [
            mine.joined(theirs)
            for mine in self.overflow
            for theirs in (other.cut(0, len(other)), *other.overflow)
        ]
        overflow += [self.cut(0, len(self)).joined(theirs) for theirs in other.overflow]
        return Encoding(
            ids=self.ids + other.ids,
            tokens=self.tokens + other.tokens,
            offsets=self.offsets + other.offsets,
            word_ids=self.word_ids + other.word_ids,
            type_ids=self.type_ids + other.type_ids,
            text_ids=self.text_ids + other.text_ids,
            overflow=overflow,
        )

    def padded(self, length: int, *, pad: tuple[str, int], side: str = "right", type_id: int = 0) -> Encoding:
        """Return this filled up with a padding token; unchanged if it is long enough. Overflow is filled too.

        Args:
            length: how many tokens there are afterwards.
            pad: the padding token and its id.
            side: "right" puts them at the end, "left" at the start.
            type_id: their segment.
        """
        missing = max(length - len(self), 0)
        filling = Encoding(
            ids=[pad[1]] * missing,
            tokens=[pad[0]] * missing,
            offsets=[(0, 0)] * missing,
            word_ids=[None] * missing,
            type_ids=[type_id] * missing,
            text_ids=[None] * missing,
        )
        bare = self.cut(0, len(self))
        whole = bare.joined(filling) if side == "right" else filling.joined(bare)
        whole.overflow.extend(
            part.padded(length, pad=pad, side=side, type_id=type_id) for part in self.overflow
        )
        return whole
