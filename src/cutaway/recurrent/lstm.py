"""Long short-term memory: fused for work, and equation by equation for reading.

Legend: B sequences, T steps, N steps of all sequences, E numbers in, H hidden units,
R rows of state (layers times directions).
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Recorder
from cutaway.recurrent.recurrence import Recurrence, kept_axes, kept_name
from cutaway.recurrent.runs import ReadBlock, States, read_backward, read_forward, runs_of

Batch = TypeVar("Batch", Tensor, PackedSequence)
State = tuple[Tensor, Tensor]


class LSTM(Recurrence):
    """Read a sequence into a cell that gates protect.

        iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)        input gate: how much is written        (1)
        fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)        forget gate: how much is kept          (2)
        gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)     candidate: what would be written       (3)
        oₜ = σ(W_o xₜ + U_o hₜ₋₁ + b_o)        output gate: how much is shown         (4)
        cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ               cell                                   (5)
        hₜ = oₜ ⊙ tanh(cₜ)                     hidden state                           (6)

    W, U and b stand stacked in this order (i, f, g, o) in torch's parameters; b is the sum of
    torch's two biases.

    Source:
        Hochreiter & Schmidhuber 1997, Long Short-Term Memory, Neural Computation 9(8);
        the forget gate (2): Gers, Schmidhuber & Cummins 2000, Learning to Forget, Neural
        Computation 12(10). Departs: no peephole connections, as in torch.

    Example:
        >>> lstm = LSTM(4, 3)
        >>> states, (h, c) = lstm(torch.zeros(2, 5, 4))
        >>> states.shape, lstm.trace(torch.zeros(5, 4))["cell"].shape
        (torch.Size([2, 5, 3]), (5, 3))
    """

    gates: ClassVar[int] = 4

    def forward(self, x: Batch, state: State | None = None) -> tuple[Batch, State]:
        """Read a batch by torch's fused operator.

        Args:
            x: (B, T, E) float, or a packed batch of sequences of different lengths (`ragged.pack`).
            state: hidden state and cell to start from, each (R, B, H); zero if not given.

        Returns:
            The last layer's states for every step, (B, T, H) or packed as x was, with the directions
            side by side; then the final hidden state and cell of every layer, each (R, B, H).

        Raises:
            ShapeError: the state does not fit.
        """
        if not isinstance(x, PackedSequence):
            self.check(x, (None, None, self.input_size))
            start = self._start(x, len(x), state)
            states, h, c = torch.lstm(x, start, self.flat_weights(), *self._options, True)
            return states, (h, c)
        self.check(x.data, (None, self.input_size))
        start = _reorder(self._start(x.data, int(x.batch_sizes[0]), state), x.sorted_indices)
        data, final = self._forward_packed(x, start)
        packed = PackedSequence(data, x.batch_sizes, x.sorted_indices, x.unsorted_indices)
        return packed, _reorder(final, x.unsorted_indices)

    @property
    def _options(self) -> tuple[bool, int, float, bool, bool]:
        """What torch's operator takes behind the weights: biases, layers, dropout, training, both ways."""
        return True, self.layers, self.dropout, self.training, self.streams == 2

    def _forward_packed(self, x: PackedSequence, start: State) -> tuple[Tensor, State]:
        """Read a packed batch: by one operator on a GPU, by runs on a CPU."""
        if x.data.is_cuda:
            data, h, c = torch.lstm(x.data, x.batch_sizes, start, self.flat_weights(), *self._options)
            return data, (h, c)
        data, runs, finals = x.data, runs_of(x.batch_sizes), []
        for layer in range(self.layers):
            sides = []
            for side, way in enumerate((read_forward, read_backward)[: self.streams]):
                row = layer * self.streams + side
                states, final = way(data, runs, (start[0][row], start[1][row]), self._block_reader(row))
                sides.append(states)
                finals.append(final)
            data = torch.cat(sides, dim=1)
            if layer < self.layers - 1:
                data = functional.dropout(data, self.dropout, self.training)
        return data, (torch.stack([h for h, _ in finals]), torch.stack([c for _, c in finals]))

    def _block_reader(self, row: int) -> ReadBlock:
        """Return the fused operator of one direction of one layer, for a (T, B, E) block."""
        weights = self.weights(self.suffixes[row])

        def read(block: Tensor, state: States) -> tuple[Tensor, States]:
            h, c = state
            options = (True, 1, 0.0, self.training, False, False)
            states, h, c = torch.lstm(block, (h[None], c[None]), weights, *options)
            return states, (h[0], c[0])

        return read

    def _start(self, x: Tensor, batch: int, state: State | None) -> State:
        """Return the state to start from, checked, or zeros."""
        shape = (len(self.suffixes), batch, self.hidden_size)
        if state is None:
            zeros = x.new_zeros(shape)  # (R, B, H)
            return zeros, zeros
        for part in state:
            if part.shape != shape:
                raise ShapeError(f"the state has shape {tuple(part.shape)}: expected {shape}")
        return state

    def _steps(self, rec: Recorder, x: Tensor, suffix: str) -> Tensor:
        """Equations (1) to (6), one step after the other."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights(suffix)
        W_i, W_f, W_g, W_o = weight_ih.chunk(4)  # noqa: N806  the equations' own letters
        U_i, U_f, U_g, U_o = weight_hh.chunk(4)  # noqa: N806
        b_i, b_f, b_g, b_o = (bias_ih + bias_hh).chunk(4)
        keep, axes, below = rec.keep_row, kept_axes(suffix), self.names_below(suffix)
        i_name, f_name, g_name, o_name, c_name, h_name = (
            kept_name(name, suffix)
            for name in ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
        )
        h = c = x.new_zeros(self.hidden_size)
        states = []
        for x_t in x:
            i = keep(
                i_name,
                torch.sigmoid(W_i @ x_t + U_i @ h + b_i),
                axes=axes,
                formula="iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)",
                inputs=(*below, h_name),
            )  # (H)
            f = keep(
                f_name,
                torch.sigmoid(W_f @ x_t + U_f @ h + b_f),
                axes=axes,
                formula="fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)",
                inputs=(*below, h_name),
            )  # (H)
            g = keep(
                g_name,
                torch.tanh(W_g @ x_t + U_g @ h + b_g),
                axes=axes,
                formula="gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)",
                inputs=(*below, h_name),
            )  # (H)
            o = keep(
                o_name,
                torch.sigmoid(W_o @ x_t + U_o @ h + b_o),
                axes=axes,
                formula="oₜ = σ(W_o xₜ + U_o hₜ₋₁ + b_o)",
                inputs=(*below, h_name),
            )  # (H)
            c = keep(
                c_name,
                f * c + i * g,
                axes=axes,
                formula="cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ",
                inputs=(f_name, c_name, i_name, g_name),
            )  # (H)
            h = keep(
                h_name,
                o * torch.tanh(c),
                axes=axes,
                formula="hₜ = oₜ ⊙ tanh(cₜ)",
                inputs=(o_name, c_name),
            )  # (H)
            states.append(h)
        return torch.stack(states)


def _reorder(state: State, order: Tensor | None) -> State:
    """Put the sequences of a state into another order; None leaves them as they are."""
    if order is None:
        return state
    h, c = state
    return h.index_select(1, order), c.index_select(1, order)
