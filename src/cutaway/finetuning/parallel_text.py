"""Parallel text: two files aligned line by line, cut into subwords of one table that both languages share.

    A dog runs.    →  ▁A ▁dog ▁runs .    →  41 388 902 7 2        what an encoder reads
    Ein Hund rennt. →  ▁Ein ▁Hund ▁rennt . → 57 410 1290 7 2      what a decoder writes; 2 ends it

Room 1 gives the ids, and rooms 3 and 4 translate them: ids are the border.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import DataError, FormatError, UnknownNameError, UsageError
from cutaway.core.text import read_lines
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.training.byte_pairs import BytePairTraining, train_byte_pairs
from cutaway.training.batches import Rows, token_budget_batches

Ids = NDArray[np.int64]

PAD, START, END = "<pad>", "<s>", "</s>"


@dataclass(frozen=True, kw_only=True)
class ParallelText:
    """Sentences and their translations.

    Attributes:
        sources: sentences, none of them blank.
        targets: the translation of each.
        blank: pairs that were left out because a side is blank.
    """

    sources: list[str]
    targets: list[str]
    blank: int = 0

    def __len__(self) -> int:
        return len(self.sources)


def read_parallel(source: Path, target: Path) -> ParallelText:
    """Read two files of which line n of one translates line n of the other.

    Args:
        source: a file in UTF-8, a sentence a line.
        target: its translation, with as many lines.

    Returns:
        The pairs of which neither side is blank.

    Raises:
        DataError: the files differ in their number of lines, or no pair is left.
    """
    sources, targets = (list(read_lines(path)) for path in (source, target))
    if len(sources) != len(targets):
        raise DataError(
            f"{source} has {len(sources)} lines and {target} {len(targets)}: line n must translate line n"
        )
    kept = [
        (one.strip(), other.strip())
        for one, other in zip(sources, targets, strict=True)
        if one.strip() and other.strip()
    ]
    if not kept:
        raise DataError(f"{source} and {target} hold no pair of lines that are both not blank")
    return ParallelText(
        sources=[one for one, _ in kept],
        targets=[other for _, other in kept],
        blank=len(sources) - len(kept),
    )


class Subwords:
    """A subword table with ids that begin, end and fill a sentence.

    Each sentence is read as if a space stood before it, so that its first word is spelled as
    everywhere else.

    Args:
        tokenizer: its table holds `<pad>`, `<s>` and `</s>`.

    Raises:
        FormatError: one of the three is missing.

    Example:
        >>> subwords = Subwords.train(["ein Hund", "a dog"] * 2, vocabulary=262)
        >>> subwords.decode(subwords.encode(["a dog"])[0])
        'a dog'
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        try:
            self.pad, self.start, self.end = (tokenizer.id_of(token) for token in (PAD, START, END))
        except UnknownNameError as error:
            raise FormatError(
                f"a tokenizer for translation needs {PAD}, {START} and {END}: {error}"
            ) from error

    @classmethod
    def train(cls, texts: Iterable[str], *, vocabulary: int) -> Subwords:
        """Learn byte pairs from the sentences of both languages.

        Args:
            texts: the sentences, read once.
            vocabulary: how many tokens, the three special ones and 256 bytes included.

        Source:
            Sennrich, Haddow and Birch 2016, arXiv:1508.07909, section 3.2: joint byte pairs.
        """
        settings = BytePairTraining(vocab_size=vocabulary, special=(PAD, START, END))
        return cls(Tokenizer(train_byte_pairs((f" {text}" for text in texts), settings)[0]))

    @classmethod
    def load(cls, path: Path) -> Subwords:
        """Read a table that `save` wrote.

        Args:
            path: a tokenizer.json, or a folder with one.
        """
        return cls(Tokenizer.load(path))

    def save(self, path: Path) -> None:
        """Write the table as a tokenizer.json.

        Args:
            path: the file.
        """
        self.tokenizer.save(path)

    @property
    def size(self) -> int:
        """How many ids there are."""
        return self.tokenizer.vocab_size

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return each sentence's ids with the end token behind them.

        Args:
            texts: sentences.

        Returns:
            One int64 array a sentence, of at least one id: the end.
        """
        batch = self.tokenizer.encode_batch([f" {text.strip()}" for text in texts], special=False)
        return [np.append(ids.astype(np.int64), self.end) for ids in batch]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the sentence of ids; what is special is left out.

        Args:
            ids: of the table.
        """
        return self.tokenizer.decode(ids).strip()

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Return each id's own text, a leading space as ▁.

        Args:
            ids: of the table.

        Example:
            >>> subwords = Subwords.train(["ein Hund", "a dog"] * 2, vocabulary=280)
            >>> subwords.tokens(subwords.encode(["a dog"])[0])
            ['▁a', '▁dog', '</s>']
        """
        return [self.tokenizer.decode([number], special=True).replace(" ", "▁") for number in ids]


@dataclass(frozen=True, kw_only=True)
class EncodedPairs:
    """Pairs as ids, each side with the end token behind it.

    Attributes:
        sources: what is read.
        targets: what is to be written.
        long: pairs that were left out because a side has too many tokens.
    """

    sources: list[Ids]
    targets: list[Ids]
    long: int = 0

    def __len__(self) -> int:
        return len(self.sources)

    def batches(self, *, budget: int, seed: int | None) -> list[Rows]:
        """Group pairs of similar length.

        Args:
            budget: tokens of both sides in a batch, at most.
            seed: shuffles; None keeps them sorted.

        Returns:
            Row numbers, one array a batch; every pair stands in exactly one.
        """
        lengths = [len(one) + len(other) for one, other in zip(self.sources, self.targets, strict=True)]
        return token_budget_batches(lengths, budget=budget, seed=seed)

    def tokens_of(self, rows: Rows) -> int:
        """Return how many tokens both sides of some pairs hold.

        Args:
            rows: of the pairs.
        """
        return sum(len(self.sources[at]) + len(self.targets[at]) for at in rows)


def encode_pairs(text: ParallelText, subwords: Subwords, *, longest: int = 128) -> EncodedPairs:
    """Cut both sides into subwords.

    Args:
        text: the pairs.
        subwords: the table.
        longest: pairs with more tokens on a side are left out.

    Returns:
        The ids.

    Raises:
        UsageError: longest leaves no room for a token and the end.
        DataError: every pair is too long.
    """
    if longest < 2:
        raise UsageError(f"longest is {longest}: a sentence takes at least 2 tokens, one and the end")
    sides = [subwords.encode(side) for side in (text.sources, text.targets)]
    kept = [pair for pair in zip(*sides, strict=True) if max(map(len, pair)) <= longest]
    if not kept:
        shortest = min(max(map(len, pair)) for pair in zip(*sides, strict=True))
        raise DataError(f"every pair has more than {longest} tokens on a side: the shortest has {shortest}")
    return EncodedPairs(
        sources=[one for one, _ in kept],
        targets=[other for _, other in kept],
        long=len(text) - len(kept),
    )


def train_subwords(text: ParallelText, *, vocabulary: int) -> Subwords:
    """Learn one table from both sides of a parallel text.

    Args:
        text: the pairs.
        vocabulary: how many tokens.
    """
    return Subwords.train(chain(text.sources, text.targets), vocabulary=vocabulary)
