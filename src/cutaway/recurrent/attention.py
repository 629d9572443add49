"""How much each source position matters to a decoder's state: three ways to score.

Each splits the score into keys, made once a source, and a query, made once a step.

Legend: B sequences, S source positions, H decoder units, M numbers in an encoder state, A width of
the comparison.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings

Weights = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """What the ways to score share: weights by a softmax over the source, and their mixture.

        αₜ = softmax(eₜ),   cₜ = Σⱼ αₜⱼ hⱼ

    Source:
        Bahdanau et al. 2015, arXiv:1409.0473, section 3.1, equations 5 and 6.
    """

    formula: str

    def keys(self, states: Tensor) -> Tensor:
        """Return what every query is compared with.

        Args:
            states: of the encoder, (B, S, M) float.

        Returns:
            (B, S, A) float.
        """
        return states

    def query(self, state: Tensor) -> Tensor:
        """Return what a decoder's state compares with the keys.

        Args:
            state: (B, H) float.

        Returns:
            (B, A) float.
        """
        return state

    def energies(self, query: Tensor, keys: Tensor) -> Tensor:
        """Score every source position.

        Args:
            query: (B, A) float.
            keys: (B, S, A) float; of one row if all queries look at the same source.

        Returns:
            (B, S) float.
        """
        energies: Tensor = (keys @ query[:, :, None])[:, :, 0]  # (B, S)
        return energies

    def forward(self, state: Tensor, states: Tensor, keys: Tensor, padding: Tensor) -> Weights:
        """Mix the encoder's states by how well each fits a decoder's state.

        Args:
            state: (B, H) float.
            states: of the encoder, (B, S, M) float; of one row if all look at the same source.
            keys: of these states.
            padding: True behind the end of a source, (B, S) bool.

        Returns:
            The context, (B, M), and the weights, (B, S), which are 0 behind a source's end.
        """
        energies = self.energies(self.query(state), keys).masked_fill(padding, -math.inf)  # (B, S)
        alignment = energies.softmax(dim=1)  # (B, S)
        context: Tensor = (alignment[:, None] @ states)[:, 0]  # (B, M)
        return context, alignment


class AdditiveAttention(Attention):
    """Score by a small network that sees both states.

        eₜⱼ = vᵀ tanh(W sₜ₋₁ + U hⱼ + b)

    Args:
        hidden: H.
        memory: M.
        width: A.

    Source:
        Bahdanau et al. 2015, arXiv:1409.0473, appendix A.1.2. Departs: with a bias b.

    Example:
        >>> attention = AdditiveAttention(3, 4, 5)
        >>> states = torch.zeros(2, 6, 4)
        >>> nowhere = torch.zeros(2, 6, dtype=torch.bool)
        >>> context, weights = attention(torch.zeros(2, 3), states, attention.keys(states), nowhere)
        >>> context.shape, round(weights[0, 0].item(), 4)  # six alike: 1/6 each
        (torch.Size([2, 4]), 0.1667)
    """

    formula = "eₜⱼ = vᵀ tanh(W sₜ₋₁ + U hⱼ + b)"

    def __init__(self, hidden: int, memory: int, width: int) -> None:
        super().__init__()
        self.ask = nn.Linear(hidden, width, bias=False)
        self.show = nn.Linear(memory, width)
        bound = 1 / math.sqrt(width)
        self.weigh = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def keys(self, states: Tensor) -> Tensor:
        """Return U hⱼ + b."""
        keys: Tensor = self.show(states)  # (B, S, A)
        return keys

    def query(self, state: Tensor) -> Tensor:
        """Return W sₜ₋₁."""
        query: Tensor = self.ask(state)  # (B, A)
        return query

    def energies(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return vᵀ tanh(query + key) for each key."""
        energies: Tensor = torch.tanh(query[:, None] + keys) @ self.weigh  # (B, S)
        return energies


class DotAttention(Attention):
    """Score by the product of both states, which must be of one width.

        eₜⱼ = sₜ₋₁ᵀ hⱼ

    Source:
        Luong et al. 2015, arXiv:1508.04025, section 3.1, equation 8, "dot". Departs: the state before
        the step asks, as in Bahdanau et al. 2015, where Luong et al. ask with the one after it.
    """

    formula = "eₜⱼ = sₜ₋₁ᵀ hⱼ"


class GeneralAttention(Attention):
    """Score by a product with a matrix between both states.

        eₜⱼ = sₜ₋₁ᵀ W hⱼ

    Args:
        hidden: H.
        memory: M.

    Source:
        Luong et al. 2015, arXiv:1508.04025, section 3.1, equation 8, "general". Departs: as in
        `DotAttention`.
    """

    formula = "eₜⱼ = sₜ₋₁ᵀ W hⱼ"

    def __init__(self, hidden: int, memory: int) -> None:
        super().__init__()
        self.show = nn.Linear(memory, hidden, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """Return W hⱼ."""
        keys: Tensor = self.show(states)  # (B, S, H)
        return keys


def make_attention(settings: Seq2SeqSettings) -> Attention:
    """Return the attention that settings name.

    Args:
        settings: of the encoder-decoder.
    """
    if settings.attention == "additive":
        return AdditiveAttention(settings.hidden, settings.memory, settings.encoder)
    if settings.attention == "general":
        return GeneralAttention(settings.hidden, settings.memory)
    return DotAttention()
