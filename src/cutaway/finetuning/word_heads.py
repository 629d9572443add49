"""A body's head for masked words: a checkpoint's own where it has one, else a fresh one."""

from __future__ import annotations

from cutaway.transformers.bert import Bert
from cutaway.transformers.encoders import load_encoder
from cutaway.transformers.head_maps import HEADS
from cutaway.transformers.pretraining.initial import draw_weights
from cutaway.transformers.tasks import MaskedWords


def with_word_head(body: Bert, seed: int) -> MaskedWords:
    """Return a body with a head that has learned nothing.

    Args:
        body: of the BERT family.
        seed: of the head's weights.
    """
    model = MaskedWords(body)
    draw_weights(model.head, seed=seed)
    return model


def load_masked_words(start: str, seed: int) -> MaskedWords:
    """Load a checkpoint with its word head; many have none, as sentence encoders, and get a fresh one.

    Args:
        start: a catalog name or a folder.
        seed: of a fresh head's weights.
    """
    body = load_encoder(start)
    layers = HEADS["masked words"][body.family].layers.values()
    if any(key.startswith(f"{layer}.") for layer in layers for key in body.left_out):
        return MaskedWords.load(start)
    return with_word_head(body, seed)
