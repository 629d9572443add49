"""What "auto" means, against what the processor and torch's own list of its abilities say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cutaway.training.precision import training_precision


def test_what_is_asked_for_is_taken():
    assert training_precision("float32") == "float32"
    assert training_precision("bfloat16") == "bfloat16"


def test_auto_is_what_linux_says_of_the_processor():
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")]
    if not flags:
        pytest.skip("this processor is not listed as x86 ones are")
    has = {"avx512_bf16", "amx_bf16"} & set(flags[0].split())
    # What "at once" needs beside whole numbers' pairs is what any processor with them has.
    otherwise = "int16" if {"avx512_vnni", "avx512bw"} <= set(flags[0].split()) else "float32"
    assert training_precision("auto") == ("bfloat16" if has else otherwise)


def test_emulated_bfloat16_is_not_taken(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert training_precision("auto") != "bfloat16"
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert training_precision("auto") == "bfloat16"
