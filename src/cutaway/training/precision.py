"""The precision of a training's matrix products: asked for, or what this machine multiplies fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Literal

import torch

from cutaway.core.errors import UsageError

AskedPrecision = Literal["auto", "float32", "bfloat16", "int16"]
TrainingPrecision = Literal["float32", "bfloat16", "int16"]

CPU = torch.device("cpu")
# NVIDIA's Ampere; before it, bfloat16 is emulated.
_FIRST_WITH_BFLOAT16 = (8, 0)

_products: ContextVar[Literal["float32", "int16"]] = ContextVar("products", default="float32")


def training_precision(asked: AskedPrecision, device: torch.device = CPU) -> TrainingPrecision:
    """Return what "auto" means on this machine.

    The processor is asked, no time is taken: a training that goes on after an interrupt must go on in the
    precision it began with.

    Args:
        asked: a precision, or "auto".
        device: where the products are computed.

    Returns:
        "bfloat16" where the processor or the GPU has instructions for it; where it is only emulated, as
        with AVX-512 alone, a step takes three times as long as in float32. There it is "int16" if the
        processor adds products of 16-bit whole numbers in one instruction (VNNI), else "float32".

    Raises:
        UsageError: "int16" was asked for, and there is no such instruction.
    """
    if asked == "int16" and not (device.type == "cpu" and _multiplies_int16()):
        raise UsageError("this machine has no products of 16-bit whole numbers: choose float32")
    if asked != "auto":
        return asked
    if has_bfloat16(device):
        return "bfloat16"
    return "int16" if device.type == "cpu" and _multiplies_int16() else "float32"


def has_bfloat16(device: torch.device = CPU) -> bool:
    """Tell whether a device has instructions for products of bfloat16.

    Args:
        device: where they would be computed.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _FIRST_WITH_BFLOAT16
    if torch.backends.cpu.get_cpu_capability().startswith(("AVX", "DEFAULT")):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def products_in(precision: TrainingPrecision, device: torch.device = CPU) -> AbstractContextManager[None]:
    """Return a block within which matrix products are taken in a precision, on their way back too.

    "int16" holds for what blocks compute by kernels of their own; all else stays float32.

    Args:
        precision: from `training_precision`.
        device: where they are computed.
    """
    if precision == "int16":
        return _whole_numbers()
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def products_now() -> Literal["float32", "int16"]:
    """Return in what blocks multiply that compute by kernels of their own."""
    return _products.get()


@contextmanager
def _whole_numbers() -> Iterator[None]:
    token = _products.set("int16")
    try:
        yield
    finally:
        _products.reset(token)


def _multiplies_int16() -> bool:
    from cutaway.training.int16_products import int16_works

    return int16_works()
