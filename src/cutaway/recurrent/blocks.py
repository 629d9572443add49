"""A packed batch in blocks: a few rectangles of steps by sequences, with little padding.

    lengths 9 8 8 4    steps 1 to 4 by 4 sequences, then steps 5 to 9 by 3, of which two end in a pad

A fused operator on a whole packed batch falls back, on CPUs, to one small operator a step whose
backward pass fills an array of the whole batch's size each time: quadratic in length. A rectangle takes
the fast kernel; but every call costs about as much as some hundred words, so that it does not pay to cut
wherever one sequence ends. The cuts are placed where pads and calls together cost least.

No pad changes any answer: sequences read it after their own last step, and nobody reads what they say
there. What is wanted from behind it, an LSTM's last cell, is held by its own gates: a pad carries a mark,
which the forget gate sees as +∞ and the input gate as −∞, so that c = 1 · c + 0 · g, exactly.

Legend: N steps of all sequences, M the same with pads, B sequences, E numbers in, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

States = tuple[Tensor, ...]
Ints = NDArray[np.int64]
# Reads a (steps, sequences, E) block from a state of (sequences, H) arrays: (steps, sequences, H), state.
ReadBlock = Callable[[Tensor, States], tuple[Tensor, States]]

# What a gate is told at a pad: its logistic function is 0 or 1 to the last bit.
CERTAIN = 1e4


class Block(NamedTuple):
    """A rectangle: from which step, how many steps, by how many sequences."""

    first: int
    steps: int
    sequences: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one direction of a packed batch is read.

    Attributes:
        blocks: in the order of time.
        gather: (M) int64: which packed row each place of the blocks reads, N for a pad; None if the
            blocks are the packed data as it stands.
        scatter: (N) int64: where in the blocks each packed row stands; None likewise.
        last: (B) int64: the packed row of each sequence's last step, in the order of reading.
        padded: whether there is any pad.
    """

    blocks: list[Block]
    gather: Tensor | None
    scatter: Tensor | None
    last: Tensor
    padded: bool


def cut(batch_sizes: Ints, call: float) -> list[Block]:
    """Return the blocks whose places, pads among them, and calls together cost least.

    Args:
        batch_sizes: (T) how many sequences reach each step, falling.
        call: what one block costs besides, in places.

    Example:
        >>> cut(np.array([4, 4, 4, 4, 3, 3, 3, 3, 1]), call=3)
        [Block(first=0, steps=4, sequences=4), Block(first=4, steps=5, sequences=3)]
        >>> len(cut(np.array([4, 4, 4, 4, 3, 3, 3, 3, 1]), call=0))
        3
    """
    ends = np.flatnonzero(np.diff(batch_sizes, append=0)) + 1
    cuts = np.concatenate([[0], ends])
    sizes = batch_sizes[cuts[:-1]]
    cost, came_from = np.zeros(len(cuts)), np.zeros(len(cuts), dtype=np.int64)
    for at in range(1, len(cuts)):
        costs = cost[:at] + (cuts[at] - cuts[:at]) * sizes[:at] + call
        # Among equals the shortest block, so that cuts that cost nothing are made.
        came_from[at] = at - 1 - int(costs[::-1].argmin())
        cost[at] = costs[came_from[at]]
    blocks, at = [], len(cuts) - 1
    while at > 0:
        start = int(came_from[at])
        blocks.append(Block(int(cuts[start]), int(cuts[at] - cuts[start]), int(sizes[start])))
        at = start
    return blocks[::-1]


def plan(batch_sizes: Tensor, call: float, *, backward: bool) -> Plan:
    """Lay a packed batch out in blocks.

    Args:
        batch_sizes: (T) int64: how many sequences reach each step, falling.
        call: what reading one block costs besides, in places.
        backward: each sequence is read from its last step to its first.
    """
    sizes = batch_sizes.numpy()
    offsets = np.cumsum(sizes) - sizes
    lengths = np.searchsorted(-sizes, -np.arange(sizes[0]), side="left")
    blocks, places = cut(sizes, call), []
    for first, steps, sequences in blocks:
        step = np.arange(first, first + steps)[:, None]
        there = step < lengths[:sequences]
        at = lengths[:sequences] - 1 - step if backward else np.broadcast_to(step, there.shape)
        row = offsets[np.where(there, at, 0)] + np.arange(sequences)
        places.append(np.where(there, row, sizes.sum()).ravel())
    gather = np.concatenate(places)
    real = np.flatnonzero(gather < sizes.sum())
    padded = len(gather) > len(real)
    scatter = np.empty(len(real), dtype=np.int64)
    scatter[gather[real]] = real
    ends = np.zeros_like(lengths) if backward else lengths - 1
    return Plan(
        blocks=blocks,
        gather=torch.from_numpy(gather) if padded or backward else None,
        scatter=torch.from_numpy(scatter) if padded or backward else None,
        last=torch.from_numpy(offsets[ends] + np.arange(len(lengths))),
        padded=padded,
    )


def read_blocks(data: Tensor, laid: Plan, start: States, read: ReadBlock) -> tuple[Tensor, States]:
    """Read a packed batch block by block; sequences drop out as they end.

    Args:
        data: (N, E) float, packed.
        laid: its layout.
        start: the state before the first step, arrays of (B, H), the hidden state first.
        read: the operator for one block; where there are pads, it gets (steps, sequences, E + 1), the
            last number of a pad being 1 and of a word 0, and holds all but the hidden state there.

    Returns:
        (N, H) float, packed; and each sequence's state after its last step, arrays of (B, H).
    """
    rows = _with_pads(data) if laid.padded else data
    rows = rows if laid.gather is None else rows.index_select(0, laid.gather)
    # One split, whose backward is one concatenation: slices would each fill a gradient of size M.
    pieces = torch.split(rows, [block.steps * block.sequences for block in laid.blocks])
    state, outputs = start, []
    ended: list[States] = []
    for piece, (_, steps, sequences) in zip(pieces, laid.blocks, strict=True):
        ended.append(tuple(part[sequences:] for part in state))
        states, state = read(piece.view(steps, sequences, -1), tuple(part[:sequences] for part in state))
        outputs.append(states.flatten(0, 1))
    ended.append(state)
    out = torch.cat(outputs) if len(outputs) > 1 else outputs[0]
    out = out if laid.scatter is None else out.index_select(0, laid.scatter)  # (N, H)
    # The hidden state goes on through pads: its last one is told by the outputs.
    held = [torch.cat(parts[::-1]) for parts in zip(*(parts[1:] for parts in ended), strict=True)]
    return out, (out.index_select(0, laid.last), *held)


def hold(weight_ih: Tensor, gates: tuple[int, ...]) -> Tensor:
    """Return an input weight with one more column, by which a mark of 1 opens or closes gates.

    Args:
        weight_ih: (G, E) float, gates times H rows.
        gates: for each gate 1 to open it, -1 to close it, 0 to leave it.
    """
    signs = weight_ih.new_tensor(gates).repeat_interleave(len(weight_ih) // len(gates))
    return torch.cat([weight_ih, CERTAIN * signs[:, None]], dim=1)


def _with_pads(data: Tensor) -> Tensor:
    """Add a column of marks and, as the last row, the pad: zeros and a mark."""
    rows = functional.pad(data, (0, 1, 0, 1))
    rows[-1, -1] = 1
    return rows
