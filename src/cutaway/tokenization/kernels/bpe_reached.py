"""Which tokens merging leads to, where the order of ranks does not tell: each token's own bytes are merged.

Few vocabularies need it, so models/bpe_tables.py imports this file when one does.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

from cutaway.core.jit import kernel
from cutaway.tokenization.kernels.bpe_merging import MERGING, merge_word
from cutaway.tokenization.kernels.tokens import TOKENS


@kernel(f"void({TOKENS}, {MERGING}, int32[::1], int32[::1], boolean[::1])", arrays="borrowed")
def fill_reached(tokens: Any, merging: Any, ranks: Any, ids: Any, reached: Any) -> None:
    """Write which tokens come out when their bytes are merged; `ids` is room for the longest one's."""
    letters, starts, _ = tokens
    for token in range(len(starts) - 1):
        start, end = starts[token], starts[token + 1]
        reached[token] = merge_word(letters, (start, end), merging, ranks, ids, 0) == 1 and ids[0] == token
