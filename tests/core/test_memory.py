"""Memory that is freed and taken again comes without new pages while it is kept, and is given back after."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from cutaway.core.memory import freed_memory_kept

BLOCK, COUNT, STEPS = 8 << 20, 12, 6

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc"
)


def faults_of_steps() -> int:
    """Take and fill 96 MB, free them, again and again; the first time is not counted."""
    before = 0
    for step in range(STEPS):
        if step == 1:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        held = [torch.empty(BLOCK, dtype=torch.uint8).fill_(1) for _ in range(COUNT)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_steps_find_their_memory_where_they_left_it() -> None:
    given_back = faults_of_steps()
    with freed_memory_kept():
        kept = faults_of_steps()
        during = resident()
    assert given_back > 1000
    assert kept < given_back / 20
    assert during - resident() > BLOCK * COUNT / 2
