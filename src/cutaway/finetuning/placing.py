"""Where a transformer learns, and in whose kernels: torch's own, or those its compiler makes for a GPU."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import torch
from torch import nn

from cutaway.core.errors import UsageError
from cutaway.training.device import check_device, training_device
from cutaway.transformers.block import Block

Kernels = Literal["eager", "compiled"]


class Places(Protocol):
    """The part of a training's settings that says where, and how."""

    @property
    def device(self) -> str:
        """Return "auto", "cpu", "cuda" or "cuda:N"."""

    @property
    def kernels(self) -> Kernels:
        """Return whose kernels a block runs."""


def check_places(settings: Places) -> None:
    """Refuse what can be no device, or no kind of kernels.

    Args:
        settings: of a training.

    Raises:
        UsageError: one of the two is unknown.
    """
    check_device(settings.device)
    if settings.kernels not in get_args(Kernels):
        raise UsageError(f"kernels is {settings.kernels!r}: choose one of {list(get_args(Kernels))}")


def place_of(settings: Places) -> torch.device:
    """Return where a training computes on this machine, before anything is loaded or written.

    Args:
        settings: where, and how.

    Raises:
        UsageError: kernels are to be compiled for a processor.
    """
    place = training_device(settings.device)
    if settings.kernels == "compiled" and place.type == "cpu":
        raise UsageError("kernels are compiled for a GPU only, and this training runs on the processor")
    return place


def placed(model: nn.Module, settings: Places) -> torch.device:
    """Move a model to where it learns; with "compiled" each of its blocks is fused by torch's compiler.

    Compiling takes the better part of a minute once; on a processor it was measured to gain nothing.

    Args:
        model: moved in place.
        settings: where, and how.

    Returns:
        The device.
    """
    place = place_of(settings)
    model.to(place)
    if place.type == "cuda":
        # cuDNN's attention plans for each new shape, and here every batch has its own: first epochs took ten
        # times as long as later ones.
        torch.backends.cuda.enable_cudnn_sdp(False)
    if settings.kernels == "compiled":
        for module in model.modules():
            if isinstance(module, Block):
                module.compile(dynamic=True)
    return place
