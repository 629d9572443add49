"""Tokenizers side by side: one text cut by each, and what each makes of a whole corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cutaway.core.errors import DataError, UnknownNameError
from cutaway.core.text import scrub
from cutaway.tokenization.tokenizer import Tokenizer

_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What a tokenizer makes of texts.

    Attributes:
        texts: how many there are.
        words: parts between white space.
        bytes: of UTF-8.
        tokens: without special ones around the texts.
        unknown: tokens that stand for the unknown.
        whole_words: words that are one token.
        used: different tokens that came.
        vocabulary: tokens that there are.
    """

    texts: int
    words: int
    bytes: int
    tokens: int
    unknown: int
    whole_words: int
    used: int
    vocabulary: int

    @property
    def tokens_per_word(self) -> float:
        """Tokens a word, also called fertility: 1 is a token for each."""
        return self.tokens / self.words

    @property
    def bytes_per_token(self) -> float:
        """Bytes a token: how much text a model reads in one step."""
        return self.bytes / self.tokens

    @property
    def unknown_rate(self) -> float:
        """Share of tokens that stand for the unknown."""
        return self.unknown / self.tokens

    @property
    def whole_word_share(self) -> float:
        """Share of words that are one token."""
        return self.whole_words / self.words

    @property
    def used_share(self) -> float:
        """Share of the vocabulary that came."""
        return self.used / self.vocabulary

    def measures(self) -> dict[str, float]:
        """Return all counts and shares by name."""
        shares = ("tokens_per_word", "bytes_per_token", "unknown_rate", "whole_word_share", "used_share")
        return {**vars(self), **{name: getattr(self, name) for name in shares}}


def corpus_measures(tokenizer: Tokenizer, texts: Iterable[str]) -> Corpus:
    """Measure a tokenizer on texts.

    Args:
        tokenizer: any.
        texts: any number, read once, a thousand at a time.

    Returns:
        Counts, and the shares that follow from them.

    Raises:
        DataError: there is no word in the texts.

    Example:
        >>> measured = corpus_measures(Tokenizer.load("bert-base-uncased"), ["I love LLMs"])
        >>> measured.tokens, measured.whole_words
        (4, 2)
    """
    rows = iter(texts)
    words: Counter[str] = Counter()
    came = np.zeros(tokenizer.vocab_size, np.int64)
    count = size = 0
    while some := list(islice(rows, _ROWS)):
        came += np.bincount(tokenizer.encode_batch(some, special=False).ids, minlength=len(came))
        for text in some:
            words.update(text.split())
            size += len(scrub(text).encode("utf-8"))
        count += len(some)
    if not words:
        raise DataError(f"there are no words in {count} texts: give text to measure")
    # A word in a text has a space before it, which byte-level tokenizers see.
    alone = tokenizer.encode_batch([f" {word}" for word in words], special=False)
    lengths = np.diff(alone.row_starts)
    whole = sum(times for times, length in zip(words.values(), lengths.tolist(), strict=True) if length == 1)
    try:
        unknown = int(came[tokenizer.unk_id])
    except UnknownNameError:
        unknown = 0  # every text can be spelled
    return Corpus(
        texts=count,
        words=words.total(),
        bytes=size,
        tokens=int(came.sum()),
        unknown=unknown,
        whole_words=whole,
        used=int((came > 0).sum()),
        vocabulary=tokenizer.vocab_size,
    )


def cut_by_each(text: str, tokenizers: Mapping[str, Tokenizer]) -> dict[str, list[tuple[str, int]]]:
    """Return what each tokenizer makes of one text: the characters of each token, and its id.

    Args:
        text: any string.
        tokenizers: by name.

    Example:
        >>> cut_by_each("LLMs", {"bert": Tokenizer.load("bert-base-uncased")})
        {'bert': [('LL', 2222), ('Ms', 5244)]}
    """
    found = {}
    for name, tokenizer in tokenizers.items():
        encoding = tokenizer.encode(text, special=False)
        found[name] = [
            (text[start:end], number)
            for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
        ]
    return found
