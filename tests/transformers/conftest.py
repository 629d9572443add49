"""Pairs of equal models: ours, and the reference implementation's with the same weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cutaway.transformers.bert import Bert
from cutaway.transformers.checkpoint import assign
from cutaway.transformers.config import BertConfig, BlockConfig
from cutaway.transformers.key_maps import keys_of


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same weights twice."""

    ours: Bert
    theirs: Any


@dataclass(frozen=True, kw_only=True)
class Padded:
    """Rows as the reference wants them."""

    ids: torch.Tensor
    mask: torch.Tensor


def pad(rows: Sequence[np.ndarray]) -> Padded:
    ids = torch.zeros(len(rows), max(len(row) for row in rows), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.from_numpy(np.asarray(row, dtype=np.int64))
        mask[at, : len(row)] = 1
    return Padded(ids=ids, mask=mask)


def small_config(*, heads: int = 2, width: int = 8, layers: int = 2, activation: str = "gelu") -> BertConfig:
    block = BlockConfig(width=width, heads=heads, feed_forward=12, activation=activation, dropout=0.0)
    return BertConfig(vocabulary=23, positions=16, types=2, layers=layers, block=block)


@pytest.fixture(scope="session")
def make_pair() -> Callable[..., Pair]:
    """A maker of random small models, ours and the reference's, with equal weights."""
    transformers = _reference()

    def make(config: BertConfig, seed: int = 0) -> Pair:
        block = config.block
        torch.manual_seed(seed)
        theirs = transformers.BertModel(
            transformers.BertConfig(
                vocab_size=config.vocabulary,
                max_position_embeddings=config.positions,
                type_vocab_size=config.types,
                num_hidden_layers=config.layers,
                hidden_size=block.width,
                num_attention_heads=block.heads,
                intermediate_size=block.feed_forward,
                hidden_act={"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu"}[block.activation],
                layer_norm_eps=block.norm_epsilon,
                # Wider than the default 0.02, so that attention is far from uniform.
                initializer_range=0.3,
                attn_implementation="eager",
            )
        ).eval()
        with torch.no_grad():
            for name, weight in theirs.named_parameters():
                if "LayerNorm" in name or "bias" in name:
                    weight.add_(torch.randn_like(weight) * 0.3)
        ours = Bert(config).eval()
        tensors = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
        assign(ours, tensors, keys_of("bert", dict(ours.named_parameters())))
        return Pair(ours=ours, theirs=theirs)

    return make


@pytest.fixture(scope="session")
def minilm(minilm_folder: Path) -> Pair:
    """The real checkpoint, twice."""
    theirs = _reference().BertModel.from_pretrained(minilm_folder, attn_implementation="eager").eval()
    return Pair(ours=Bert.load("all-MiniLM-L6-v2"), theirs=theirs)


def _reference() -> Any:
    # What the reference warns about while it is imported is its own affair.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        assert transformers.BertModel
    return transformers
