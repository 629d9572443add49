"""The fast path of every recurrent layer: torch's fused operators on full and on packed batches.

Legend: B sequences, T steps, N steps of all sequences, E numbers in, H hidden units,
R rows of state (layers times directions), S streams (1 or 2 directions).
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from cutaway.core.errors import ShapeError
from cutaway.recurrent.blocks import ReadBlock, States, hold, plan, read_blocks
from cutaway.recurrent.ragged import check_finite
from cutaway.recurrent.recurrence import Recurrence

Batch = TypeVar("Batch", Tensor, PackedSequence)

# What calling the operator once more costs, in multiplications by a weight, measured for the LSTM.
CALL = 2.4e7


def read_batch(layer: Recurrence, x: Batch, state: States | None) -> tuple[Batch, States]:
    """Read a batch by the layer's fused operator.

    Args:
        layer: whose weights and operator.
        x: (B, T, E) float, or a packed batch of sequences of different lengths.
        state: to start from, arrays of (R, B, H); zero if not given.

    Returns:
        The last layer's states for every step, (B, T, S·H) or packed as x was; then the final state of
        every layer and direction, arrays of (R, B, H).

    Raises:
        ShapeError: x or the state does not fit.
        DataError: x or the state holds NaN or infinity.
    """
    if isinstance(x, PackedSequence):
        layer.check(x.data, (None, layer.input_size))
        start = _reorder(_start(layer, x.data, int(x.batch_sizes[0]), state), x.sorted_indices)
        data, final = _read_packed(layer, x, start)
        packed = PackedSequence(data, x.batch_sizes, x.sorted_indices, x.unsorted_indices)
        return packed, _reorder(final, x.unsorted_indices)
    layer.check(x, (None, None, layer.input_size))
    start = _start(layer, x, len(x), state)
    states, *final_parts = layer.operator(x, _handed(start), layer.flat_weights(), *_options(layer), True)
    return states, tuple(final_parts)


def _options(layer: Recurrence) -> tuple[bool, int, float, bool, bool]:
    """What torch's operators take behind the weights: biases, layers, dropout, training, both ways."""
    return True, layer.layers, layer.dropout, layer.training, layer.streams == 2


def _handed(state: States) -> Any:
    """Torch takes a state of several arrays as a tuple, of one array as that array."""
    return state if len(state) > 1 else state[0]


def _read_packed(layer: Recurrence, x: PackedSequence, start: States) -> tuple[Tensor, States]:
    """Read a packed batch: by one operator on a GPU, block by block on a CPU."""
    if x.data.is_cuda:
        weights, options = layer.flat_weights(), _options(layer)
        data, *final = layer.operator(x.data, x.batch_sizes, _handed(start), weights, *options)
        return data, tuple(final)
    return _read_blocks(layer, x.data, x.batch_sizes, start)


def _call(layer: Recurrence) -> float:
    """What one more call costs, in places of a block."""
    return CALL / (layer.blocks * layer.hidden_size * (layer.input_size + layer.hidden_size))


def _read_blocks(layer: Recurrence, data: Tensor, sizes: Tensor, start: States) -> tuple[Tensor, States]:
    """Read a packed batch block by block, layer by layer; (N, S·H), and the final state."""
    finals: list[States] = []
    laid = [plan(sizes, _call(layer), backward=way == 1) for way in range(layer.streams)]
    for at in range(layer.layers):
        sides = []
        for side in range(layer.streams):
            row = at * layer.streams + side
            read = _block_reader(layer, row, padded=laid[side].padded)
            states, final_row = read_blocks(data, laid[side], tuple(part[row] for part in start), read)
            sides.append(states)
            finals.append(final_row)
        data = torch.cat(sides, dim=1) if len(sides) > 1 else sides[0]
        if at < layer.layers - 1:
            data = functional.dropout(data, layer.dropout, layer.training)
    return data, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))


def _block_reader(layer: Recurrence, row: int, *, padded: bool) -> ReadBlock:
    """Return the fused operator of one direction of one layer, for a (T, B, E) block."""
    weights, operator = layer.weights(layer.suffixes[row]), layer.operator
    if padded:
        weights[0] = hold(weights[0], layer.held_by)
    options = (True, 1, 0.0, layer.training, False, False)

    def read(block: Tensor, state: States) -> tuple[Tensor, States]:
        states, *final = operator(block, _handed(tuple(part[None] for part in state)), weights, *options)
        return states, tuple(part[0] for part in final)

    return read


def _start(layer: Recurrence, x: Tensor, batch: int, state: States | None) -> States:
    """Return the state to start from, checked, or zeros."""
    shape = (len(layer.suffixes), batch, layer.hidden_size)
    if state is None:
        return (x.new_zeros(shape),) * layer.state_parts
    for part in state:
        if part.shape != shape:
            raise ShapeError(f"the state has shape {tuple(part.shape)}: expected {shape}")
        check_finite(part, "the states")
    return state


def _reorder(state: States, order: Tensor | None) -> States:
    """Put the sequences of a state into another order; None leaves them as they are."""
    return state if order is None else tuple(part.index_select(1, order) for part in state)
