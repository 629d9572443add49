"""WordPiece trained on texts: byte pairs over characters, those inside a word other ones than at its start.

    playing   →  p ##l ##a ##y ##i ##n ##g   →  pl ##a ##y ##ing   →  play ##ing

The published WordPiece joins the pair that raises the likelihood of the text most. The trainers of the field
join the most frequent pair instead, as here; a vocabulary of one is used like one of the other.

Source: Schuster and Nakajima 2012, Japanese and Korean Voice Search, section 3; Wu et al. 2016,
arXiv:1609.08144, section 4.1. Departs: the pair is chosen by frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from cutaway.core.errors import UsageError
from cutaway.tokenization.bert import bert_pipeline
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.training.merges import Goal, Learned, learn_merges
from cutaway.tokenization.training.word_counts import count_bert_words
from cutaway.tokenization.vocabulary import PREFIX, BertVocabulary

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_START = b"\0"


@dataclass(frozen=True, kw_only=True)
class WordPieceTraining:
    """What to learn.

    Attributes:
        vocab_size: pieces, the five special ones included.
        min_count: how often a pair must stand to be merged.
        max_characters: characters that get pieces of their own, the most frequent ones.
        normalizer: cased or not.

    Raises:
        UsageError: a number is too small.
    """

    vocab_size: int = 16_000
    min_count: int = 2
    max_characters: int = 1_000
    normalizer: Bert = field(default_factory=Bert)

    def __post_init__(self) -> None:
        if self.vocab_size <= len(SPECIAL) or self.max_characters < 1:
            raise UsageError(
                f"vocab_size is {self.vocab_size} and max_characters {self.max_characters}: they must be "
                f"more than {len(SPECIAL)} and at least 1"
            )


def train_wordpieces(texts: Iterable[str], settings: WordPieceTraining) -> tuple[Pipeline, list[Learned]]:
    """Train on texts.

    Args:
        texts: any number, read once; what is kept grows with the number of distinct words.
        settings: what to learn.

    Returns:
        A pipeline like BERT's, and each merge with how often its pair stood.

    Raises:
        DataError: there is no text to learn from, or a text is not a string.
        UsageError: vocab_size leaves no room for the characters.
    """
    counted = count_bert_words(texts, settings.normalizer)
    characters = _characters(counted, settings.max_characters)
    first = {char for word in counted for char in word[:1] if char in characters}
    inner = {char for word in counted for char in word[1:] if char in characters}
    tokens = [*SPECIAL, *sorted(first), *(PREFIX + char for char in sorted(inner))]
    if len(tokens) > settings.vocab_size:
        raise UsageError(
            f"vocab_size is {settings.vocab_size}, but the special pieces and the characters are "
            f"{len(tokens)}: raise it, or lower max_characters"
        )
    ids = {token: at for at, token in enumerate(tokens)}
    words = {
        (ids[word[0]], *(ids[PREFIX + char] for char in word[1:])): count
        for word, count in counted.items()
        if all(char in characters for char in word)
    }
    spellings = [b"\xff" + token.encode() for token in SPECIAL]
    spellings += [_START + char.encode() for char in sorted(first)]
    spellings += [char.encode() for char in sorted(inner)]
    learned = learn_merges(words, spellings, Goal(symbols=settings.vocab_size, min_count=settings.min_count))
    for step in learned:
        if step.made == len(tokens):
            tokens.append(tokens[step.left] + tokens[step.right].removeprefix(PREFIX))
    vocabulary = BertVocabulary(tokens)
    return bert_pipeline(vocabulary, settings.normalizer, origin="the trained tokenizer"), learned


def _characters(counted: Counter[str], most: int) -> set[str]:
    found: Counter[str] = Counter()
    for word, count in counted.items():
        for char in word:
            found[char] += count
    ranked = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return {char for char, _ in ranked[:most]}
