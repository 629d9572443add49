"""A memory of words met before, two side by side.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.tokens import MEMORY_SLOT, mixed

_ONE = np.uint64(1)


@kernel(
    "UniTuple(int64, 2)(uint64[::1], uint64, uint64)", calls="inlined", arrays="borrowed", callers="kernels"
)
def memory_slot(memory: Any, low: Any, high: Any) -> Any:
    """Return a packed word's slot in a memory of words and 1 if it is there, else the slot for it and 0.

    Two slots, side by side in one cache line, share a hash. A new word takes the second; a word that is met
    there again moves to the first, so that a frequent word is not driven out by rare ones.
    """
    pairs = np.uint64(len(memory) // (2 * MEMORY_SLOT))
    slot = np.int64(mixed(low, high) & (pairs - _ONE)) * (2 * MEMORY_SLOT)
    if memory[slot] == low and memory[slot + 1] == high:
        return slot, np.int64(1)
    second = slot + MEMORY_SLOT
    if memory[second] != low or memory[second + 1] != high:
        return second, np.int64(0)
    for k in range(MEMORY_SLOT):
        memory[slot + k], memory[second + k] = memory[second + k], memory[slot + k]
    return slot, np.int64(1)
