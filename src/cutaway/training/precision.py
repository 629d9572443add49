"""The precision of a training's matrix products: asked for, or what this machine multiplies fast."""

from __future__ import annotations

from typing import Literal

import torch

CPU = torch.device("cpu")
# NVIDIA's Ampere; before it, bfloat16 is emulated.
_FIRST_WITH_BFLOAT16 = (8, 0)


def training_precision(
    asked: Literal["auto", "float32", "bfloat16"], device: torch.device = CPU
) -> Literal["float32", "bfloat16"]:
    """Return what "auto" means on this machine.

    The processor is asked, no time is taken: a training that goes on after an interrupt must go on in the
    precision it began with.

    Args:
        asked: a precision, or "auto".
        device: where the products are computed.

    Returns:
        "bfloat16" where the processor or the GPU has instructions for it; where it is only emulated, as
        with AVX-512 alone, a step takes three times as long as in float32.
    """
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= _FIRST_WITH_BFLOAT16 else "float32"
    return "bfloat16" if _multiplies_bfloat16() else "float32"


def products_in(precision: str, device: torch.device) -> torch.autocast:
    """Return a block within which matrix products are taken in a precision.

    Args:
        precision: from `training_precision`.
        device: where they are computed.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def _multiplies_bfloat16() -> bool:
    if torch.backends.cpu.get_cpu_capability().startswith(("AVX", "DEFAULT")):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
