"""Where a training computes: on the processor, or on a GPU where one is at hand."""

from __future__ import annotations

import os

import torch

from cutaway.core.errors import ResourceError, UsageError


def check_device(asked: str) -> str:
    """Return a device's name if it can be one.

    Args:
        asked: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        UsageError: it is none of these.
    """
    kind, colon, number = asked.partition(":")
    if asked in ("auto", "cpu", "cuda") or (kind == "cuda" and colon and number.isdecimal()):
        return asked
    raise UsageError(f"device is {asked!r}: choose auto, cpu, cuda or cuda:N")


def training_device(asked: str) -> torch.device:
    """Return the device that a name means on this machine.

    Processes that torchrun started take a GPU each, by their number on this machine.

    Args:
        asked: "auto" is a GPU where torch can use one, else the processor.

    Raises:
        UsageError: it is no device's name.
        ResourceError: it is a GPU that is not there.

    Example:
        >>> training_device("cpu")
        device(type='cpu')
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if check_device(asked) == "cpu" or (asked == "auto" and not count):
        return torch.device("cpu")
    number = int(asked.partition(":")[2] or os.environ.get("LOCAL_RANK", "0"))
    if number >= count:
        raise ResourceError(f"device is {asked!r}: torch finds {count} GPUs here; cpu always works")
    return torch.device("cuda", number)
