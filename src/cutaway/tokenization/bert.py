"""BERT's pipeline, from nothing but a vocabulary.

Source: Devlin et al. 2019, arXiv:1810.04805, section 3, and the reference code.
"""

from __future__ import annotations

from cutaway.tokenization.added import AddedToken
from cutaway.tokenization.decoders.wordpiece import WordPieceDecoder
from cutaway.tokenization.models.wordpiece import WordPiece
from cutaway.tokenization.normalizers.bert import Bert
from cutaway.tokenization.pipeline import Padding, Pipeline
from cutaway.tokenization.post.template import around
from cutaway.tokenization.splitters.bert import BertSplitter
from cutaway.tokenization.vocabulary import END, PADDING, START, BertVocabulary


def bert_pipeline(
    vocabulary: BertVocabulary, normalizer: Bert | None = None, *, origin: str = "vocab.txt"
) -> Pipeline:
    """Return the tokenizer of a BERT model.

    Args:
        vocabulary: its pieces.
        normalizer: what differs from the uncased models.
        origin: where the vocabulary comes from.
    """
    return Pipeline(
        model=WordPiece(vocabulary.ids),
        normalizer=normalizer or Bert(),
        splitter=BertSplitter(),
        post=around((START, vocabulary.cls_id), (END, vocabulary.sep_id)),
        decoder=WordPieceDecoder(),
        added=tuple(AddedToken(id=number, content=piece) for piece, number in vocabulary.special.items()),
        padding=Padding(pad_id=vocabulary.pad_id, pad_token=PADDING),
        origin=origin,
    )
