"""Encoders by the family that a checkpoint's config.json names."""

from __future__ import annotations

from pathlib import Path

from cutaway.transformers.bert import Bert, DistilBert, Roberta
from cutaway.transformers.checkpoint import find_checkpoint
from cutaway.transformers.config import BertConfig
from cutaway.transformers.config_json import read_config

BODIES: dict[str, type[Bert]] = {"bert": Bert, "roberta": Roberta, "distilbert": DistilBert}


def read_encoder(name_or_path: str | Path) -> tuple[type[Bert], BertConfig]:
    """Return which class an encoder's checkpoint is of, and its sizes; its weights are not read.

    Args:
        name_or_path: as for `Bert.load`.
    """
    family, config = read_config(find_checkpoint(name_or_path).config, tuple(BODIES))
    assert isinstance(config, BertConfig)
    return BODIES[family], config


def load_encoder(name_or_path: str | Path) -> Bert:
    """Load a checkpoint of BERT, RoBERTa or DistilBERT, ready for prediction (`eval` mode).

    Args:
        name_or_path: as for `Bert.load`; the family is read from config.json.

    Returns:
        The model, of its family's class.

    Example:
        >>> type(load_encoder("all-MiniLM-L6-v2")).__name__
        'Bert'
    """
    return read_encoder(name_or_path)[0].load(name_or_path)
