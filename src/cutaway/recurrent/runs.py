"""A packed batch in runs: stretches of steps that the same sequences take together.

    lengths 5 3 3     run of 3 steps by 3 sequences, then of 2 steps by 1

A fused operator on a whole packed batch falls back, on CPUs, to one small operator a step whose
backward pass fills an array of the whole batch's size each time: quadratic in length. Within a run the
batch is a plain (steps, sequences, width) block, a view of the packed data, and takes the fast kernel.
So the batch is read run by run, exactly, with nothing padded.

Legend: N steps of all sequences, B sequences, E numbers in, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import torch
from torch import Tensor

States = tuple[Tensor, ...]
# Reads a (steps, sequences, E) block from a state of (sequences, H) arrays: (steps, sequences, H), state.
ReadBlock = Callable[[Tensor, States], tuple[Tensor, States]]


def runs_of(batch_sizes: Tensor) -> list[tuple[int, int]]:
    """Return the runs of a packed batch as (steps, sequences), in the order of time.

    Args:
        batch_sizes: how many sequences reach each step, falling.

    Example:
        >>> runs_of(torch.tensor([3, 3, 3, 1, 1]))
        [(3, 3), (2, 1)]
    """
    return [(len(list(group)), size) for size, group in groupby(batch_sizes.tolist())]


def read_forward(
    data: Tensor, runs: list[tuple[int, int]], start: States, read: ReadBlock
) -> tuple[Tensor, States]:
    """Read a packed batch from first step to last; sequences drop out as they end.

    Args:
        data: (N, E) float, packed.
        runs: its runs.
        start: the state before the first step, arrays of (B, H).
        read: the operator for one block.

    Returns:
        (N, H) float, packed; and each sequence's state after its last step, arrays of (B, H).
    """
    state, outputs, ended = start, [], []
    for block, (steps, sequences) in zip(_blocks(data, runs), runs, strict=True):
        ended.append([part[sequences:] for part in state])
        states, state = read(block.view(steps, sequences, -1), tuple(part[:sequences] for part in state))
        outputs.append(states.flatten(0, 1))
    ended.append(list(state))
    final = tuple(torch.cat(parts) for parts in zip(*reversed(ended), strict=True))
    return torch.cat(outputs), final


def read_backward(
    data: Tensor, runs: list[tuple[int, int]], start: States, read: ReadBlock
) -> tuple[Tensor, States]:
    """Read a packed batch from each sequence's last step to its first; sequences join as they begin.

    Args:
        data: (N, E) float, packed.
        runs: its runs.
        start: the state before each sequence's last step, arrays of (B, H).
        read: the operator for one block.

    Returns:
        (N, H) float, packed; and each sequence's state after its first step, arrays of (B, H).
    """
    state: States = tuple(part[:0] for part in start)
    outputs = []
    blocks = list(zip(_blocks(data, runs), runs, strict=True))
    for block, (steps, sequences) in reversed(blocks):
        joining = len(state[0])
        state = tuple(
            torch.cat([part, fresh[joining:sequences]]) for part, fresh in zip(state, start, strict=True)
        )
        states, state = read(block.view(steps, sequences, -1).flip(0), state)
        outputs.append(states.flip(0).flatten(0, 1))
    return torch.cat(outputs[::-1]), state


def _blocks(data: Tensor, runs: list[tuple[int, int]]) -> tuple[Tensor, ...]:
    # One split, whose backward is one concatenation: slices would each fill a gradient of size N.
    return torch.split(data, [steps * sequences for steps, sequences in runs])
