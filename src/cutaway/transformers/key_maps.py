"""What each family's checkpoints call our parameters.

One table a family: our modules, theirs. `Stored` says where in a checkpoint's tensor a parameter lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Stored(NamedTuple):
    """Where a parameter lies in a checkpoint: under which key, which part of its rows, turned or not."""

    key: str
    part: int = 0
    parts: int = 1
    turned: bool = False

    def shape(self, own: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that the checkpoint's tensor must have.

        Args:
            own: our parameter's shape.
        """
        whole = (own[0] * self.parts, *own[1:])
        return whole[::-1] if self.turned else whole

    def take(self, tensor: Tensor) -> Tensor:
        """Return our parameter out of the checkpoint's tensor, as a view.

        Args:
            tensor: of the shape that `shape` tells.
        """
        whole = tensor.T if self.turned else tensor
        return whole.chunk(self.parts)[self.part]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family's key map.

    Attributes:
        architecture: the reference's class that a saved folder names.
        prefix: what stands before the keys where a checkpoint also has a head.
        outside: our modules outside the blocks to theirs.
        stacks: our stack of blocks to theirs ("encoder.layer"), and the modules in a block.
        heads: how the keys of its heads begin: left out when only the body is loaded.
        tied: keys that repeat the token table.
        ignored: how buffers' keys end: they carry no weights.
        fused: our modules that lie in one of theirs, in this order.
        turned: our modules whose matrices theirs holds transposed.
    """

    architecture: str
    prefix: str
    outside: Mapping[str, str]
    stacks: Mapping[str, tuple[str, Mapping[str, str]]]
    heads: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()


_BERT_OUTSIDE = {
    "embeddings.token": "embeddings.word_embeddings",
    "embeddings.position": "embeddings.position_embeddings",
    "embeddings.token_type": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
    "pooler": "pooler.dense",
}
_BERT_BLOCK = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
_DISTILBERT_BLOCK = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "feed_forward_norm": "output_layer_norm",
}
_GPT_BLOCK = {
    "query": "attn.c_attn",
    "key": "attn.c_attn",
    "value": "attn.c_attn",
    "output": "attn.c_proj",
    "attention_norm": "ln_1",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
    "feed_forward_norm": "ln_2",
}
_MARIAN_BLOCK = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.out_proj",
    "attention_norm": "self_attn_layer_norm",
    "up": "fc1",
    "down": "fc2",
    "feed_forward_norm": "final_layer_norm",
}
_MARIAN_CROSS = {
    "cross.query": "encoder_attn.q_proj",
    "cross.key": "encoder_attn.k_proj",
    "cross.value": "encoder_attn.v_proj",
    "cross.output": "encoder_attn.out_proj",
    "cross_norm": "encoder_attn_layer_norm",
}

FAMILIES: Mapping[str, Family] = {
    "bert": Family(
        architecture="BertModel",
        prefix="bert.",
        outside=_BERT_OUTSIDE,
        stacks={"blocks": ("encoder.layer", _BERT_BLOCK)},
        heads=("cls.", "classifier."),
        ignored=("embeddings.position_ids",),
    ),
    "roberta": Family(
        architecture="RobertaModel",
        prefix="roberta.",
        outside=_BERT_OUTSIDE,
        stacks={"blocks": ("encoder.layer", _BERT_BLOCK)},
        heads=("lm_head.", "classifier."),
        ignored=("embeddings.position_ids",),
    ),
    "distilbert": Family(
        architecture="DistilBertModel",
        prefix="distilbert.",
        outside=_BERT_OUTSIDE,
        stacks={"blocks": ("transformer.layer", _DISTILBERT_BLOCK)},
        heads=("vocab_", "pre_classifier.", "classifier."),
        ignored=("embeddings.position_ids",),
    ),
    "gpt2": Family(
        architecture="GPT2LMHeadModel",
        prefix="transformer.",
        outside={"token": "wte", "position": "wpe", "norm": "ln_f"},
        stacks={"blocks": ("h", _GPT_BLOCK)},
        heads=("score.",),
        tied=("lm_head.weight",),
        ignored=(".attn.bias", ".attn.masked_bias"),
        fused=("query", "key", "value"),
        turned=("query", "key", "value", "output", "up", "down"),
    ),
    "marian": Family(
        architecture="MarianMTModel",
        prefix="",
        outside={"token": "model.shared", "bias": "final_logits_bias"},
        stacks={
            "blocks": ("model.encoder.layers", _MARIAN_BLOCK),
            "decoder_blocks": ("model.decoder.layers", {**_MARIAN_BLOCK, **_MARIAN_CROSS}),
        },
        tied=("lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"),
        ignored=("embed_positions.weight",),
    ),
}


def keys_of(family: str, parameters: Mapping[str, Tensor]) -> dict[str, Stored]:
    """Say where in a checkpoint each parameter of a model lies.

    Args:
        family: "bert", "roberta", "distilbert", "gpt2" or "marian".
        parameters: the model's, by name.

    Returns:
        Parameter name to its place, keys without the family's prefix.

    Example:
        >>> import torch
        >>> keys_of("bert", {"blocks.0.up.weight": torch.zeros(2, 2)})["blocks.0.up.weight"].key
        'encoder.layer.0.intermediate.dense.weight'
    """
    return {name: _stored(FAMILIES[family], name) for name in parameters}


def stored_tensors(parameters: Mapping[str, Tensor], places: Mapping[str, Stored]) -> dict[str, Tensor]:
    """Return a checkpoint's tensors: what `Stored.take` undoes.

    Args:
        parameters: a model's, by name.
        places: where each lies.

    Returns:
        Key to tensor, contiguous.

    Example:
        >>> halves = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}
        >>> places = {"a": Stored("ab", part=0, parts=2), "b": Stored("ab", part=1, parts=2)}
        >>> stored_tensors(halves, places)
        {'ab': tensor([1., 2.])}
    """
    parts: dict[str, dict[int, Tensor]] = {}
    turned = {place.key for place in places.values() if place.turned}
    for name, parameter in parameters.items():
        parts.setdefault(places[name].key, {})[places[name].part] = parameter.detach()
    whole = {key: torch.cat([found[part] for part in sorted(found)]) for key, found in parts.items()}
    return {key: (tensor.T if key in turned else tensor).contiguous() for key, tensor in whole.items()}


def _stored(family: Family, name: str) -> Stored:
    module, _, kind = name.rpartition(".")
    stack, _, rest = module.partition(".")
    if stack not in family.stacks:
        return Stored(f"{family.outside[module]}.{kind}" if module else family.outside[kind])
    layer, _, own = rest.partition(".")
    theirs, block = family.stacks[stack]
    key = f"{theirs}.{layer}.{block[own]}.{kind}"
    fused = own in family.fused
    return Stored(
        key,
        part=family.fused.index(own) if fused else 0,
        parts=len(family.fused) if fused else 1,
        turned=kind == "weight" and own in family.turned,
    )
