"""The precision of a training's matrix products: asked for, or what this machine multiplies fast."""

from __future__ import annotations

from typing import Literal

import torch


def training_precision(asked: Literal["auto", "float32", "bfloat16"]) -> Literal["float32", "bfloat16"]:
    """Return what "auto" means on this machine.

    The processor is asked, no time is taken: a training that goes on after an interrupt must go on in the
    precision it began with.

    Args:
        asked: a precision, or "auto".

    Returns:
        "bfloat16" where the processor has instructions for it; where it is only emulated, as with AVX-512
        alone, a step takes three times as long as in float32.
    """
    if asked != "auto":
        return asked
    return "bfloat16" if _multiplies_bfloat16() else "float32"


def _multiplies_bfloat16() -> bool:
    if torch.backends.cpu.get_cpu_capability().startswith(("AVX", "DEFAULT")):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
