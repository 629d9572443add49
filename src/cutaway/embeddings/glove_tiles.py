"""The cells of X in the order GloVe takes them: tiles that several threads may fit at once.

The words are cut into blocks; a tile is where one block's rows meet another's columns. Two tiles
without a block in common touch no number in common. So the pairs of blocks are played as a round
robin: in each round every block meets one other, the round's tiles run on as many threads as there
are, and the result is the same to the last bit for any number of them. A block's vectors fit into a
core's cache, which is what makes it fast. Inside a tile the cells are shuffled once.

Letters: B blocks, C cells, T tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cutaway.embeddings.cooccurrence import Cooccurrences
from cutaway.embeddings.spill import GrowingArray, SpillFolder

BLOCK_WORDS = 512
# No block has more than this share of the cells, or its tiles would leave the other threads idle.
BLOCK_SHARE = 1 / 32


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Shuffled cells, tile by tile.

    Attributes:
        codes: (C,) uint32, row << 16 | column, both counted from where their blocks begin.
        values: (C,) float32, the counts.
        table: (T, 5) int64: the tile's number, its first and last cell, the first word of its rows and
            of its columns.
        rounds: for each round the numbers of its tiles, the largest first.
        spill: keeps the files of mapped arrays alive.
    """

    codes: NDArray[np.uint32]
    values: NDArray[np.float32]
    table: NDArray[np.int64]
    rounds: tuple[NDArray[np.int64], ...]
    spill: SpillFolder


def arrange(counts: Cooccurrences, rng: np.random.Generator, memory: int, spill: SpillFolder) -> Tiles:
    """Cut and shuffle the cells of a matrix.

    Args:
        counts: the matrix.
        rng: for the shuffling.
        memory: bytes that the cells may take; beyond, they go to disk.
        spill: where to.

    Returns:
        The tiles.
    """
    bounds = block_bounds(counts)
    block_of = np.repeat(np.arange(len(bounds) - 1, dtype=np.uint16), np.diff(bounds))
    codes = GrowingArray(np.uint32, memory // 2, spill)
    values = GrowingArray(np.float32, memory // 2, spill)
    table: list[tuple[int, ...]] = []
    numbers: dict[tuple[int, int], int] = {}
    filled = 0
    for block, (first, last) in enumerate(pairwise(bounds.tolist())):
        cells = slice(int(counts.row_starts[first]), int(counts.row_starts[last]))
        order = rng.permutation(cells.stop - cells.start)
        others = block_of[counts.columns[cells]]
        order = order[np.argsort(others[order], kind="stable")]
        columns = counts.columns[cells][order]
        columns -= bounds[others[order]].astype(np.int32)
        rows = np.repeat(np.arange(last - first), np.diff(counts.row_starts[first : last + 1]))
        codes.append(rows[order].astype(np.uint32) << np.uint32(16) | columns.astype(np.uint32))
        values.append(counts.values[cells][order])
        for other, size in enumerate(np.bincount(others, minlength=block + 1).tolist()):
            numbers[other, block] = len(table)
            table.append((len(table), filled, filled + size, first, bounds[other]))
            filled += size
    whole = np.array(table, dtype=np.int64)
    rounds = tuple(_largest_first(whole, numbers, pairs) for pairs in round_robin(len(bounds) - 1))
    return Tiles(codes=codes.finish(), values=values.finish(), table=whole, rounds=rounds, spill=spill)


def block_bounds(counts: Cooccurrences) -> NDArray[np.int64]:
    """Cut the words into blocks of at most 512 words and 1/32 of the cells, where words allow it.

    Args:
        counts: the matrix.

    Returns:
        (B + 1,) int64, where each block begins.
    """
    # A cell belongs to its row and to its column.
    mass = np.diff(counts.row_starts) + np.bincount(counts.columns, minlength=len(counts))
    most = 2 * len(counts.columns) * BLOCK_SHARE
    bounds, held = [0], 0
    for word, cells in enumerate(mass.tolist()):
        if word > bounds[-1] and (held + cells > most or word - bounds[-1] == BLOCK_WORDS):
            bounds.append(word)
            held = 0
        held += cells
    return np.array([*bounds, len(counts)])


def round_robin(blocks: int) -> Iterator[list[tuple[int, int]]]:
    """Yield rounds of pairs: each block with itself, then with every other, once a round.

    Args:
        blocks: B.

    Yields:
        Pairs (a, b), a ≤ b, no block twice in a round.

    Example:
        >>> list(round_robin(3))
        [[(0, 0), (1, 1), (2, 2)], [(1, 2)], [(0, 2)], [(0, 1)]]
    """
    yield [(block, block) for block in range(blocks)]
    players = list(range(blocks + blocks % 2))
    for _ in range(len(players) - 1):
        pairs = zip(players, reversed(players[len(players) // 2 :]), strict=False)
        yield sorted((min(pair), max(pair)) for pair in pairs if max(pair) < blocks)
        players.insert(1, players.pop())  # the first stays, the others move on by one seat


def _largest_first(
    table: NDArray[np.int64], numbers: dict[tuple[int, int], int], pairs: list[tuple[int, int]]
) -> NDArray[np.int64]:
    tiles = np.array([numbers[pair] for pair in pairs], dtype=np.int64)
    sizes = table[tiles, 2] - table[tiles, 1]
    return tiles[np.argsort(-sizes, kind="stable")][: int((sizes > 0).sum())]
