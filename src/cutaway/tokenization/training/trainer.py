"""One door to training: texts in, a pipeline and a trace of what was learned out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.training.byte_pairs import BytePairTraining, train_byte_pairs
from cutaway.tokenization.training.merges import Learned
from cutaway.tokenization.training.unigrams import Round, UnigramTraining, train_unigram
from cutaway.tokenization.training.wordpieces import WordPieceTraining, train_wordpieces

ModelName = Literal["bpe", "wordpiece", "unigram"]


def train_pipeline(
    texts: Iterable[str], *, model: ModelName = "bpe", vocab_size: int = 16_000
) -> tuple[Pipeline, list[Learned] | list[Round]]:
    """Train a tokenizer with the usual settings of its kind.

    Args:
        texts: any number, read once.
        model: byte-level "bpe", "wordpiece" as BERT's uncased, or "unigram" as SentencePiece's.
        vocab_size: how many tokens, special ones included.

    Returns:
        The pipeline, and each merge, or each round of Unigram.

    Raises:
        UsageError: there is no such model, or vocab_size is too small.
        DataError: there is no text to learn from.
    """
    if model not in get_args(ModelName):
        raise UsageError(f"model is {model!r}: it must be one of {', '.join(get_args(ModelName))}")
    if model == "bpe":
        return train_byte_pairs(texts, BytePairTraining(vocab_size=vocab_size))
    if model == "unigram":
        return train_unigram(texts, UnigramTraining(vocab_size=vocab_size))
    return train_wordpieces(texts, WordPieceTraining(vocab_size=vocab_size))


def trace_training(learned: Sequence[Learned | Round], token_of: Callable[[int], str]) -> Trace:
    """Return what training did, merge by merge or round by round.

    Args:
        learned: the merges, or the rounds.
        token_of: a token's spelling by its id.

    Returns:
        A trace with the table "merges" (step, left, right, token, id, count, length): the pair, what it
        became, how often it stood, and how many symbols the text had left; or with the table "rounds"
        (step, pieces, likelihood): how many pieces there were, and the log likelihood of a character in nats.
    """
    rec = Recorder("training")
    rounds = [step for step in learned if isinstance(step, Round)]
    if rounds:
        rec.table(
            "rounds",
            ("step", "pieces", "likelihood"),
            [(at, *step) for at, step in enumerate(rounds, 1)],
            formula="pieces = those without which log p(words) would fall most",
        )
        return rec.finish()
    rec.table(
        "merges",
        ("step", "left", "right", "token", "id", "count", "length"),
        [
            (at, token_of(left), token_of(right), token_of(made), made, times, length)
            for at, step in enumerate(learned, 1)
            if isinstance(step, Learned)
            for left, right, made, times, length in [step]
        ],
        formula="left, right = argmax count(left, right)",
    )
    return rec.finish()
