"""Which pipelines have a compiled encoder, and which one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from cutaway.tokenization.models.wordpiece import LONGEST_WORD, WordPiece
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.vocabulary import PREFIX, Vocabulary

if TYPE_CHECKING:
    from cutaway.tokenization.batch import Batch
    from cutaway.tokenization.models.fast_wordpiece import Limits
    from cutaway.tokenization.pipeline import Pipeline


class FastEncoder(Protocol):
    """A whole pipeline in compiled kernels."""

    def encode(
        self,
        texts: Sequence[str],
        limits: Limits,
        encode_open: Callable[[str], list[int]],
        threads: int,
    ) -> Batch:
        """Return each text's ids; what the kernels leave out is put to `encode_open`."""
        ...


def fast_encoder(pipeline: Pipeline) -> FastEncoder | None:
    """Return the compiled encoder of a pipeline, if it is one of those that there is one for.

    Args:
        pipeline: all stages but the post-processor count.
    """
    return _wordpiece(pipeline)


def _wordpiece(pipeline: Pipeline) -> FastEncoder | None:
    model, normalizer = pipeline.model, pipeline.normalizer
    if not isinstance(model, WordPiece) or not isinstance(pipeline.splitter, BertSplitter):
        return None
    if not isinstance(normalizer, Bert) or not normalizer.is_uncased:
        return None
    plain = not any(
        t.normalized or t.single_word or t.lstrip or t.rstrip or not t.content for t in pipeline.added
    )
    usual = (model.prefix, model.longest_word) == (PREFIX, LONGEST_WORD)
    pieces = sorted(model.vocabulary, key=model.vocabulary.__getitem__)
    numbered = [model.vocabulary[piece] for piece in pieces] == list(range(len(pieces)))
    if not (plain and usual and numbered and all(pieces)):
        return None
    from cutaway.tokenization.models.fast_wordpiece import FastWordPiece

    special = {token.content: token.id for token in pipeline.added}
    return FastWordPiece(Vocabulary(pieces), special, model.vocabulary[model.unknown])
