"""Weights before anything is learned, as each family's paper draws them."""

from __future__ import annotations

import math

import torch
from torch import nn

from cutaway.transformers.seq2seq import Transformer

_DEVIATION = 0.02


@torch.no_grad()
def draw_weights(model: nn.Module, *, seed: int) -> None:
    """Draw a fresh model's weights; norms begin at 1 and biases at 0.

        encoder-decoder: W ~ U(−a, a), a = √(6 / (in + out));   token ~ N(0, 1/D)
        the others:      W, tables ~ N(0, 0.02²); what a block adds to its input, in a pre-norm
                         model, is divided by √(2L), as 2L such sums are added up

    Args:
        model: changed in place.
        seed: of the draws.

    Source:
        Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
        networks", equation 16; Radford et al. 2019, "Language models are unsupervised multitask
        learners", section 2.3.
    """
    generator = torch.Generator().manual_seed(seed)
    pair = isinstance(model, Transformer)
    block = getattr(getattr(model, "config", None), "block", None)
    layers = getattr(getattr(model, "config", None), "layers", 1)
    shrunk = 1 / math.sqrt(2 * layers) if block is not None and block.order == "pre" else 1.0
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2 or name == "bias":
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        elif pair and name == "token.weight":
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)
        elif pair:
            nn.init.xavier_uniform_(parameter, generator=generator)
        else:
            last = name.endswith(("output.weight", "down.weight"))
            nn.init.normal_(parameter, std=_DEVIATION * (shrunk if last else 1.0), generator=generator)
