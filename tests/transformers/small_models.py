"""Random small models of every family, far from their initial values, and configurations to draw."""

from __future__ import annotations

from typing import TypeVar

import torch
from hypothesis import strategies as st
from torch import nn

from cutaway.transformers.bert import Bert, DistilBert, Roberta
from cutaway.transformers.config import BertConfig, BlockConfig, GptConfig, TransformerConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.seq2seq import Transformer

VOCABULARY = 23
Model = TypeVar("Model", bound=nn.Module)

sizes = st.sampled_from([(4, 1), (8, 2), (12, 3), (8, 4)])
layers = st.integers(1, 3)
seeds = st.integers(0, 1000)
rows = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=12)
activations = st.sampled_from(["gelu", "gelu_tanh", "relu", "swish", "swiglu"])
norms = st.sampled_from(["layer", "rms"])
orders = st.sampled_from(["post", "pre"])


@st.composite
def blocks(draw: st.DrawFn, places: tuple[str, ...] = ("learned", "rotary")) -> BlockConfig:
    """Any block that heads of an even width allow."""
    width, heads = draw(sizes)
    return BlockConfig(
        width=width,
        heads=heads,
        feed_forward=draw(st.sampled_from([5, 16])),
        activation=draw(activations),
        norm=draw(norms),
        order=draw(orders),
        places=draw(
            st.sampled_from([place for place in places if place != "rotary" or width // heads % 2 == 0])
        ),
        norm_epsilon=draw(st.sampled_from([1e-12, 1e-5])),
    )


@st.composite
def encoders(draw: st.DrawFn) -> Bert:
    """An encoder of any family of BERT's."""
    kind = draw(st.sampled_from([Bert, Roberta, DistilBert]))
    config = BertConfig(
        vocabulary=VOCABULARY,
        positions=16,
        types=0 if kind is DistilBert else 2,
        layers=draw(layers),
        block=draw(blocks()),
        first_position=2 if kind is Roberta else 0,
        pooler="tanh" if kind is Bert else "none",
    )
    return stirred(kind(config), draw(seeds))


@st.composite
def decoders(draw: st.DrawFn) -> Gpt:
    """A language model with any block."""
    config = GptConfig(vocabulary=VOCABULARY, positions=16, layers=draw(layers), block=draw(blocks()))
    return stirred(Gpt(config), draw(seeds))


@st.composite
def translators(draw: st.DrawFn) -> Transformer:
    """The paper's model, its blocks of any kind."""
    config = TransformerConfig(
        vocabulary=VOCABULARY,
        positions=16,
        layers=draw(layers),
        decoder_layers=draw(layers),
        block=draw(blocks(places=("sinusoidal",))),
        start=0,
        end=1,
        pad=0,
        scale=draw(st.sampled_from(["root of width", "none"])),
    )
    return stirred(Transformer(config), draw(seeds))


def stirred(model: Model, seed: int) -> Model:
    """Weights wide enough that attention is far from uniform, and no bias is 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            weight.copy_(1 + 0.3 * drawn if "norm" in name and "weight" in name else 0.4 * drawn)
    return model.eval()
