"""Questions to draw: any small model, any row, a readout of every kind, in float64 so that sums are sharp."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st
from tests.transformers.small_models import decoders, encoders, rows, seeds
from torch import nn

from cutaway.transformers.question import Question, Readout, one_place


@st.composite
def readouts(draw: st.DrawFn, width: int, tokens: int) -> Readout:
    """The mean or one token, then nothing, or layers as the heads of tasks have them."""
    place = draw(st.sampled_from(["mean", "first", "last"]))
    places = torch.full((tokens,), 1 / tokens)
    if place != "mean":
        places = one_place(0 if place == "first" else -1, tokens)
    torch.manual_seed(draw(seeds))
    dense, norm = nn.Linear(width, width).double(), nn.LayerNorm(width).double()
    nn.init.normal_(norm.bias)
    steps = draw(st.sampled_from([(), (dense,), (dense, "tanh"), (dense, "gelu", norm), (dense, "relu")]))
    return Readout(
        name="a number", places=places.double(), steps=steps, weight=torch.randn(width).double(), bias=0.7
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A model of any family, a row, a readout."""
    model = draw(st.one_of(encoders(), decoders())).double()
    ids = np.array(draw(rows))
    return Question(model=model, ids=ids, readout=draw(readouts(model.config.width, ids.size)))
