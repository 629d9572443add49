"""The small equations of a block, as the papers write them: what the open path computes with.

Legend: T positions, D width; any leading axes may stand before the last one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cutaway.transformers.config import Activation


def softmax(scores: Tensor) -> Tensor:
    """Turn each row of scores into weights that sum to 1.

        wᵢ = exp(sᵢ − max s) / Σⱼ exp(sⱼ − max s)

    Args:
        scores: (..., T) float; the largest is subtracted, which changes no weight and cannot overflow.

    Returns:
        (..., T) float.

    Source:
        Bridle 1990, "Training stochastic model recognition algorithms as networks can lead to maximum
        mutual information estimation of parameters".

    Example:
        >>> softmax(torch.tensor([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    powers = torch.exp(scores - scores.amax(-1, keepdim=True))
    return powers / powers.sum(-1, keepdim=True)


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor, *, epsilon: float) -> Tensor:
    """Give each vector mean 0 and variance 1, then scale and shift each unit.

        y = γ (x − μ) / √(σ² + ε) + β

    Args:
        x: (..., D) float.
        scale: γ, (D,).
        shift: β, (D,).
        epsilon: ε, which keeps a constant vector from dividing by zero.

    Returns:
        (..., D) float.

    Source:
        Ba, Kiros and Hinton 2016, arXiv:1607.06450, equation 4.

    Example:
        >>> layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), epsilon=0.0).tolist()
        [-1.0, 1.0]
    """
    centered = x - x.mean(-1, keepdim=True)
    variance = (centered**2).mean(-1, keepdim=True)
    return scale * centered / torch.sqrt(variance + epsilon) + shift


def rms_norm(x: Tensor, scale: Tensor, *, epsilon: float) -> Tensor:
    """Give each vector a mean square of 1, then scale each unit; the mean is left alone.

        y = γ x / √(Σ xᵢ² / D + ε)

    Args:
        x: (..., D) float.
        scale: γ, (D,).
        epsilon: ε, which keeps a zero vector from dividing by zero.

    Returns:
        (..., D) float.

    Source:
        Zhang and Sennrich 2019, arXiv:1910.07467, equation 4.

    Example:
        >>> rms_norm(torch.tensor([1.0, -1.0]), torch.ones(2), epsilon=0.0).tolist()
        [1.0, -1.0]
    """
    return scale * x / torch.sqrt((x**2).mean(-1, keepdim=True) + epsilon)


def gelu(x: Tensor) -> Tensor:
    """Weigh each number by the probability that a standard normal one is smaller.

        y = x Φ(x) = x (1 + erf(x / √2)) / 2

    Args:
        x: any shape, float.

    Returns:
        The same shape.

    Source:
        Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.

    Example:
        >>> gelu(torch.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x: Tensor) -> Tensor:
    """Approximate `gelu` without erf, as GPT-2 and some BERTs were trained.

        y = x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2

    Args:
        x: any shape, float.

    Returns:
        The same shape.

    Source:
        Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.

    Example:
        >>> bool((gelu_tanh(torch.tensor([1.0])) - gelu(torch.tensor([1.0]))).abs() < 1e-3)
        True
    """
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def relu(x: Tensor) -> Tensor:
    """Keep what is positive.

        y = max(x, 0)

    Args:
        x: any shape, float.

    Returns:
        The same shape.

    Source:
        Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".

    Example:
        >>> relu(torch.tensor([-2.0, 2.0])).tolist()
        [0.0, 2.0]
    """
    return torch.where(x > 0, x, torch.zeros_like(x))


def swish(x: Tensor) -> Tensor:
    """Weigh each number by its own logistic function.

        y = x σ(x) = x / (1 + exp(−x))

    Args:
        x: any shape, float.

    Returns:
        The same shape.

    Source:
        Ramachandran et al. 2017, arXiv:1710.05941, section 3, with β = 1.

    Example:
        >>> swish(torch.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """
    return x / (1 + torch.exp(-x))


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """Let one projection of x open and close another.

        h = swish(x W) ⊙ (x V)

    Args:
        gate: x W, any shape, float.
        up: x V, the same shape.

    Returns:
        The same shape.

    Source:
        Shazeer 2020, arXiv:2002.05202, equation 5.

    Example:
        >>> swiglu(torch.tensor([0.0, 100.0]), torch.tensor([7.0, 7.0])).tolist()
        [0.0, 700.0]
    """
    return swish(gate) * up


ACTIVATIONS: Mapping[Activation, tuple[str, Callable[[Tensor], Tensor]]] = {
    "gelu": ("x Φ(x)", gelu),
    "gelu_tanh": ("x (1 + tanh(√(2/π)(x + 0.044715 x³))) / 2", gelu_tanh),
    "relu": ("max(x, 0)", relu),
    "swish": ("x σ(x)", swish),
}
