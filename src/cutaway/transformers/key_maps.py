"""What each family's checkpoints call our parameters."""

from __future__ import annotations

from collections.abc import Mapping

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
_TABLES = ("embeddings.token", "embeddings.position", "embeddings.token_type")

# Buffers that old checkpoints carry: 0, 1, 2, ...
BERT_IGNORED = ("embeddings.position_ids",)


def bert_keys(layers: int) -> Mapping[str, str]:
    """Return the checkpoint key of each parameter of a BERT.

    Args:
        layers: how many blocks.

    Returns:
        Parameter name to checkpoint key.

    Example:
        >>> bert_keys(1)["blocks.0.up.weight"]
        'encoder.layer.0.intermediate.dense.weight'
    """
    modules = dict(_BERT_OUTSIDE)
    for layer in range(layers):
        modules |= {
            f"blocks.{layer}.{own}": f"encoder.layer.{layer}.{key}" for own, key in _BERT_BLOCK.items()
        }
    return {
        f"{own}.{part}": f"{key}.{part}"
        for own, key in modules.items()
        for part in (("weight",) if own in _TABLES else ("weight", "bias"))
    }
