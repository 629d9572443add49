"""What a model of the BERT family is made of: sizes, read from config.json and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from cutaway.core.errors import FormatError, MissingFileError, UsageError

Activation = Literal["gelu", "gelu_tanh", "relu"]

# What checkpoints call the same function.
_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
_LARGEST = 1 << 24


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """One encoder block, whatever the family.

    Attributes:
        width: D, numbers per token.
        heads: H, attention heads; each sees width / heads numbers.
        feed_forward: F, hidden width of the feed-forward part.
        activation: its nonlinearity.
        norm_epsilon: added to the variance before the root in LayerNorm.
        dropout: share of each sub-layer's output set to zero in training.
    """

    width: int
    heads: int
    feed_forward: int
    activation: Activation = "gelu"
    norm_epsilon: float = 1e-12
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "heads", "feed_forward"):
            _check_size(name, getattr(self, name))
        if self.width % self.heads:
            raise UsageError(f"width {self.width} is not a multiple of {self.heads} heads")
        if self.activation not in get_args(Activation):
            raise UsageError(f"activation {self.activation!r}: choose one of {list(get_args(Activation))}")
        if not 0 < self.norm_epsilon < 1:
            raise UsageError(f"norm_epsilon is {self.norm_epsilon}: it must be above 0 and below 1")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}: it must be at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """A BERT encoder.

    Departs: attention weights are never dropped, whatever the checkpoint's config says. Dropout
    inside the fused attention operator makes it 3.4 times slower on a CPU (8 rows of 256 tokens,
    float32, forward and backward, one thread: 27 against 92 ms).

    Attributes:
        vocabulary: rows of the token table.
        positions: rows of the position table, the longest sequence in tokens.
        types: rows of the type table (first or second text of a pair).
        layers: encoder blocks.
        block: the shape of each block.
    """

    vocabulary: int
    positions: int
    types: int
    layers: int
    block: BlockConfig

    def __post_init__(self) -> None:
        for name in ("vocabulary", "positions", "types", "layers"):
            _check_size(name, getattr(self, name))

    @property
    def width(self) -> int:
        """D, numbers per token."""
        return self.block.width

    @classmethod
    def from_json(cls, path: Path) -> BertConfig:
        """Read a checkpoint's config.json.

        Args:
            path: the file.

        Returns:
            The checked configuration.

        Raises:
            MissingFileError: there is no such file.
            FormatError: it is not JSON, not of a BERT, lacks a field, or a field has an odd value.
        """
        if not path.is_file():
            raise MissingFileError(f"there is no file {path}: a checkpoint folder needs its config.json")
        try:
            fields = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path} is not JSON: {error}") from error
        try:
            return _from_fields(fields)
        except (FormatError, UsageError) as error:
            raise FormatError(f"{path}: {error}") from error


def _from_fields(fields: Any) -> BertConfig:
    if not isinstance(fields, dict):
        raise FormatError(f"expected an object, found {type(fields).__name__}")
    if fields.get("model_type") != "bert":
        raise FormatError(f"model_type is {fields.get('model_type')!r}: this reads 'bert' checkpoints")
    if fields.get("position_embedding_type", "absolute") != "absolute":
        raise FormatError(f"position_embedding_type is {fields['position_embedding_type']!r}: not 'absolute'")
    activation = fields.get("hidden_act")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise FormatError(f"hidden_act is {activation!r}: known are {sorted(_ACTIVATIONS)}")
    return BertConfig(
        vocabulary=_field(fields, "vocab_size", int),
        positions=_field(fields, "max_position_embeddings", int),
        types=_field(fields, "type_vocab_size", int),
        layers=_field(fields, "num_hidden_layers", int),
        block=BlockConfig(
            width=_field(fields, "hidden_size", int),
            heads=_field(fields, "num_attention_heads", int),
            feed_forward=_field(fields, "intermediate_size", int),
            activation=_ACTIVATIONS[activation],
            norm_epsilon=_field(fields, "layer_norm_eps", float),
            dropout=_field(fields, "hidden_dropout_prob", float),
        ),
    )


def _field(fields: dict[str, Any], name: str, kind: type) -> Any:
    """Return a required number; true and false are not numbers here."""
    if name not in fields:
        raise FormatError(f"there is no {name!r}")
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        raise FormatError(f"{name} is {value!r}: expected {'a whole number' if kind is int else 'a number'}")
    return kind(value)


def _check_size(name: str, size: Any) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _LARGEST:
        raise UsageError(f"{name} is {size!r}: it must be a whole number from 1 to {_LARGEST}")
