"""Which blocks `training_block` can train; it is asked without loading its kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from cutaway.transformers.block import Block
from cutaway.transformers.prepared import is_plain
from cutaway.transformers.sight import Within


def can_train(block: Block, x: Tensor, sight: Within) -> bool:
    """Tell whether a block is of the kind whose training has kernels of its own.

    Args:
        block: post-norm, GELU, plain linear layers and LayerNorms, all of which learn, in float32 on a
            CPU, nobody listening to what they compute.
        x: (N, D), float32 too, not under autocast, which would multiply in another precision.
        sight: of whole rows.

    Returns:
        True or false.
    """
    return (
        torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and sight.sees == "whole row"
        and block.config.activation == "gelu"
        and is_plain(block, "post")
        and _is_ready(x)
        and all(_is_ready(weight) and weight.requires_grad for weight in block.parameters())
    )


def _is_ready(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
