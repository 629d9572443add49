"""What a model is made of: sizes and choices, checked. Where they stand in a config.json: config_json.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cutaway.core.errors import UsageError

Activation = Literal["gelu", "gelu_tanh", "relu", "swish", "swiglu"]
Norm = Literal["layer", "rms"]
NormOrder = Literal["post", "pre"]
Places = Literal["learned", "sinusoidal", "rotary"]
Sight = Literal["own row", "own row and a source"]
Pooler = Literal["tanh", "none"]
Scale = Literal["root of width", "none"]

_LARGEST = 1 << 24


_CHOICES = {"activation": Activation, "norm": Norm, "order": NormOrder, "places": Places, "sees": Sight}


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """One block, whatever the family.

    Attributes:
        width: D, numbers per token.
        heads: H, attention heads; each sees width / heads numbers.
        feed_forward: F, hidden width of the feed-forward part.
        activation: its nonlinearity.
        norm_epsilon: added to the variance before the root in the norms.
        dropout: share of each sub-layer's output set to zero in training.
        norm: LayerNorm or RMSNorm.
        order: "post" normalizes each sum, as Vaswani et al. 2017; "pre" each sub-layer's input, as GPT-2.
        places: "rotary" turns queries and keys by their position; the other two are added to the
            token vectors, before the first block.
        sees: a decoder's block also looks at a source.
    """

    width: int
    heads: int
    feed_forward: int
    activation: Activation = "gelu"
    norm_epsilon: float = 1e-12
    dropout: float = 0.1
    norm: Norm = "layer"
    order: NormOrder = "post"
    places: Places = "learned"
    sees: Sight = "own row"

    def __post_init__(self) -> None:
        for name in ("width", "heads", "feed_forward"):
            _check_size(name, getattr(self, name))
        if self.width % self.heads:
            raise UsageError(f"width {self.width} is not a multiple of {self.heads} heads")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise UsageError(f"{name} {getattr(self, name)!r}: choose one of {list(get_args(choices))}")
        if self.places == "rotary" and self.width // self.heads % 2:
            raise UsageError(f"rotary places turn pairs: {self.width // self.heads} numbers per head are odd")
        if not 0 < self.norm_epsilon < 1:
            raise UsageError(f"norm_epsilon is {self.norm_epsilon}: it must be above 0 and below 1")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout is {self.dropout}: it must be at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """An encoder of the BERT family: BERT, RoBERTa, DistilBERT.

    Departs: attention weights are never dropped, whatever the checkpoint's config says. Dropout
    inside the fused attention operator makes it 3.4 times slower on a CPU (8 rows of 256 tokens,
    float32, forward and backward, one thread: 27 against 92 ms).

    Attributes:
        vocabulary: rows of the token table.
        positions: rows of the position table.
        types: rows of the type table (first or second text of a pair); 0 for a model without one.
        layers: encoder blocks.
        block: the shape of each block.
        first_position: the position table's row of a row's first token; RoBERTa's is 2.
        pooler: whether there is a summary of each row, as only BERT trained one.
    """

    vocabulary: int
    positions: int
    types: int
    layers: int
    block: BlockConfig
    first_position: int = 0
    pooler: Pooler = "tanh"

    def __post_init__(self) -> None:
        for name in ("vocabulary", "positions", "layers"):
            _check_size(name, getattr(self, name))
        _check_size("types", self.types, least=0)
        _check_size("first_position", self.first_position, least=0)
        if self.first_position >= self.positions:
            raise UsageError(f"first_position {self.first_position} is outside {self.positions} positions")

    @property
    def width(self) -> int:
        """D, numbers per token."""
        return self.block.width

    @property
    def longest(self) -> int:
        """The longest sequence, in tokens."""
        return self.positions - self.first_position


@dataclass(frozen=True, kw_only=True)
class GptConfig:
    """A decoder that reads its own row only: the GPT-2 family.

    Attributes:
        vocabulary: rows of the token table, which is also the output layer.
        positions: the longest sequence, in tokens.
        layers: blocks.
        block: the shape of each block.
        end: the id that ends a text; none if generation never stops by itself.
    """

    vocabulary: int
    positions: int
    layers: int
    block: BlockConfig
    end: int | None = None

    def __post_init__(self) -> None:
        for name in ("vocabulary", "positions", "layers"):
            _check_size(name, getattr(self, name))

    @property
    def width(self) -> int:
        """D, numbers per token."""
        return self.block.width


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """An encoder and a decoder, as the paper has them.

    Attributes:
        vocabulary: rows of the one token table: sources, targets and the output layer share it.
        positions: the longest sequence, in tokens.
        layers: encoder blocks.
        decoder_layers: decoder blocks.
        block: the shape of each block.
        start: the id that stands before each target.
        end: the id that ends each text.
        pad: the id that fills rows in other implementations; never generated.
        scale: "root of width" multiplies token vectors by √D.
    """

    vocabulary: int
    positions: int
    layers: int
    decoder_layers: int
    block: BlockConfig
    start: int
    end: int
    pad: int
    scale: Scale = "root of width"

    def __post_init__(self) -> None:
        for name in ("vocabulary", "positions", "layers", "decoder_layers"):
            _check_size(name, getattr(self, name))
        for name in ("start", "end", "pad"):
            if not 0 <= getattr(self, name) < self.vocabulary:
                raise UsageError(f"{name} {getattr(self, name)} is outside a vocabulary of {self.vocabulary}")
        if self.end == self.start:
            raise UsageError(f"start and end are both {self.end}: generation would end before it begins")

    @property
    def width(self) -> int:
        """D, numbers per token."""
        return self.block.width

    @property
    def decoder_block(self) -> BlockConfig:
        """The shape of each decoder block."""
        return replace(self.block, sees="own row and a source")


def _check_size(name: str, size: Any, least: int = 1) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= _LARGEST:
        raise UsageError(f"{name} is {size!r}: it must be a whole number from {least} to {_LARGEST}")
