"""Byte-level byte-pair encoding trained on texts: count words, merge, and put the pipeline together.

Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cutaway.core.errors import UsageError
from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.decoders.bytes import ByteLevelDecoder
from cutaway.tokenization.formats.ranks import byte_words
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.normalizers.byte_level import LETTERS
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.patterns import KNOWN, LLAMA3
from cutaway.tokenization.training.merges import Goal, Learned, learn_merges
from cutaway.tokenization.training.word_counts import count_byte_words


@dataclass(frozen=True, kw_only=True)
class BytePairTraining:
    """What to learn.

    Attributes:
        vocab_size: tokens, special ones included; at least the 256 bytes and the special ones.
        min_count: how often a pair must stand to be merged.
        pattern: how text is split; one of the patterns of splitters/patterns.py.
        special: special tokens, which get the first ids.

    Raises:
        UsageError: vocab_size leaves no room for the bytes, or the pattern has no scanner.
    """

    vocab_size: int = 16_000
    min_count: int = 2
    pattern: str = LLAMA3
    special: Sequence[str] = field(default=("<|endoftext|>",))

    def __post_init__(self) -> None:
        least = len(LETTERS) + len(self.special)
        if self.vocab_size < least:
            raise UsageError(
                f"vocab_size is {self.vocab_size}: it must be at least {least}, bytes and special tokens"
            )
        if self.pattern not in KNOWN:
            raise UsageError(
                f"the pattern {self.pattern!r} has no scanner: take one of splitters/patterns.py"
            )


def train_byte_pairs(texts: Iterable[str], settings: BytePairTraining) -> tuple[Pipeline, list[Learned]]:
    """Train on texts.

    Args:
        texts: any number, read once; what is kept grows with the number of distinct words.
        settings: what to learn.

    Returns:
        The pipeline, and each merge with how often its pair stood.

    Raises:
        DataError: there is no text to learn from, or a text is not a string.
    """
    letters = sorted(LETTERS)
    first = len(settings.special)
    tokens = [*settings.special, *letters]
    ids = {LETTERS.index(letter): first + at for at, letter in enumerate(letters)}
    counted = count_byte_words(texts, KNOWN[settings.pattern])
    words = {tuple(ids[byte] for byte in word): count for word, count in counted.items()}
    # No bytes spell a special token: they are given spellings of their own.
    spellings = [b"\xff\xfe" + token.encode() for token in settings.special]
    spellings += [bytes([LETTERS.index(letter)]) for letter in letters]
    goal = Goal(symbols=settings.vocab_size, min_count=settings.min_count)
    learned = learn_merges(words, spellings, goal)
    merges = []
    for step in learned:
        merges.append((tokens[step.left], tokens[step.right]))
        if step.made == len(tokens):
            tokens.append(tokens[step.left] + tokens[step.right])
    pipeline = Pipeline(
        model=BytePairEncoding({token: at for at, token in enumerate(tokens)}, merges),
        splitter=byte_words(settings.pattern),
        decoder=ByteLevelDecoder(),
        added=tuple(AddedToken(id=at, content=token) for at, token in enumerate(settings.special)),
        origin="the trained tokenizer",
    )
    return pipeline, learned
