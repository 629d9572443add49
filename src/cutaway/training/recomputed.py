"""Memory for time: a tensor that is quickly computed again is not kept for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def recomputed(tensor: Tensor, again: Callable[[], Tensor]) -> Iterator[None]:
    """Keep nothing of a tensor that layers inside the block read; the backward pass computes it again.

    A linear layer keeps what it read, to learn from it. Behind an activation that is a second tensor as
    large as the activation's own input, which is kept too.

    Args:
        tensor: what the layers read.
        again: computes the same from what is kept anyway.

    Source:
        Chen et al. 2016, arXiv:1604.06174, section 3.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> y = x.exp()
        >>> with recomputed(y, lambda: x.exp()):
        ...     z = (y * y).sum()
        >>> z.backward()
        >>> bool(x.grad[0] == 2 * torch.ones(()).exp() ** 2)
        True
    """
    if not tensor.requires_grad or not torch.is_grad_enabled():
        yield
        return
    looks = _looks(tensor)

    def pack(kept: Tensor) -> Any:
        return None if _looks(kept) == looks else kept

    def unpack(kept: Any) -> Tensor:
        if kept is not None:
            found: Tensor = kept
            return found
        with torch.no_grad():
            return again()

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield


def _looks(tensor: Tensor) -> tuple[object, ...]:
    """What tells a tensor from all others that are alive; layers keep aliases of it."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype
