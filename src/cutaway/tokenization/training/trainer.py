"""One door to training: texts in, a pipeline and a trace of what was learned out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.training.byte_pairs import BytePairTraining, train_byte_pairs
from cutaway.tokenization.training.merges import Learned
from cutaway.tokenization.training.wordpieces import WordPieceTraining, train_wordpieces

ModelName = Literal["bpe", "wordpiece"]


def train_pipeline(
    texts: Iterable[str], *, model: ModelName = "bpe", vocab_size: int = 16_000
) -> tuple[Pipeline, list[Learned]]:
    """Train a tokenizer with the usual settings of its kind.

    Args:
        texts: any number, read once.
        model: byte-level "bpe", or "wordpiece" as BERT's uncased.
        vocab_size: how many tokens, special ones included.

    Returns:
        The pipeline, and each merge.

    Raises:
        UsageError: there is no such model, or vocab_size is too small.
        DataError: there is no text to learn from.
    """
    if model not in get_args(ModelName):
        raise UsageError(f"model is {model!r}: it must be one of {', '.join(get_args(ModelName))}")
    if model == "bpe":
        return train_byte_pairs(texts, BytePairTraining(vocab_size=vocab_size))
    return train_wordpieces(texts, WordPieceTraining(vocab_size=vocab_size))


def trace_training(learned: Sequence[Learned], token_of: Callable[[int], str]) -> Trace:
    """Return what training did, merge by merge.

    Args:
        learned: the merges.
        token_of: a token's spelling by its id.

    Returns:
        A trace with the table "merges" (step, left, right, token, id, count, length): the pair, what it
        became, how often it stood, and how many symbols the text had left.
    """
    rec = Recorder("training")
    rec.table(
        "merges",
        ("step", "left", "right", "token", "id", "count", "length"),
        [
            (at, token_of(left), token_of(right), token_of(made), made, times, length)
            for at, (left, right, made, times, length) in enumerate(learned, 1)
        ],
        formula="left, right = argmax count(left, right)",
    )
    return rec.finish()
