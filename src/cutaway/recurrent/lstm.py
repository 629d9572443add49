"""Long short-term memory: fused for work, and equation by equation for reading.

Legend: B sequences, T steps, E numbers in, H hidden units, R rows of state (layers times directions),
G gates times H.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from cutaway.core.trace import Trace
from cutaway.recurrent.blocks import States
from cutaway.recurrent.fused import Batch, read_batch
from cutaway.recurrent.recurrence import Recurrence, Seen
from cutaway.recurrent.rows import Equation, Override, Rows

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

    equations: ClassVar = {
        "input_gate": Equation("iₜ = σ(W_i xₜ + U_i hₜ₋₁ + b_i)", ("inputs", "hidden")),
        "forget_gate": Equation("fₜ = σ(W_f xₜ + U_f hₜ₋₁ + b_f)", ("inputs", "hidden")),
        "candidate": Equation("gₜ = tanh(W_g xₜ + U_g hₜ₋₁ + b_g)", ("inputs", "hidden")),
        "output_gate": Equation("oₜ = σ(W_o xₜ + U_o hₜ₋₁ + b_o)", ("inputs", "hidden")),
        "cell": Equation("cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ", ("forget_gate", "cell", "input_gate", "candidate")),
        "hidden": Equation("hₜ = oₜ ⊙ tanh(cₜ)", ("output_gate", "cell")),
    }
    backward_equations: ClassVar = {
        "grad_hidden": Equation(
            "∂L/∂hₜ = ∂L/∂outputₜ + U_iᵀ δiₜ₊₁ + U_fᵀ δfₜ₊₁ + U_gᵀ δgₜ₊₁ + U_oᵀ δoₜ₊₁",
            ("grad_outputs", "delta_input_gate", "delta_forget_gate", "delta_candidate", "delta_output_gate"),
        ),
        "grad_cell": Equation(
            "∂L/∂cₜ = ∂L/∂hₜ ⊙ oₜ ⊙ (1 − tanh² cₜ) + fₜ₊₁ ⊙ ∂L/∂cₜ₊₁",
            ("grad_hidden", "output_gate", "cell", "forget_gate", "grad_cell"),
        ),
        "delta_output_gate": Equation(
            "δoₜ = ∂L/∂hₜ ⊙ tanh(cₜ) ⊙ oₜ(1 − oₜ)", ("grad_hidden", "cell", "output_gate")
        ),
        "delta_candidate": Equation(
            "δgₜ = ∂L/∂cₜ ⊙ iₜ ⊙ (1 − gₜ²)", ("grad_cell", "input_gate", "candidate")
        ),
        "delta_forget_gate": Equation(
            "δfₜ = ∂L/∂cₜ ⊙ cₜ₋₁ ⊙ fₜ(1 − fₜ)", ("grad_cell", "cell", "forget_gate")
        ),
        "delta_input_gate": Equation(
            "δiₜ = ∂L/∂cₜ ⊙ gₜ ⊙ iₜ(1 − iₜ)", ("grad_cell", "candidate", "input_gate")
        ),
    }
    blocks: ClassVar = 4
    state_parts: ClassVar = 2
    gates: ClassVar = ("input_gate", "forget_gate", "candidate", "output_gate")
    operator: ClassVar = staticmethod(torch.lstm)
    held_by: ClassVar = (-1, 1, 0, 0)

    def forward(self, x: Batch, state: State | None = None) -> tuple[Batch, State]:
        """Read a batch by torch's fused operator.

        Args:
            x: (B, T, E) float, or a packed batch of sequences of different lengths (`ragged.pack`).
            state: hidden state and cell to start from, each (R, B, H); zero if not given.

        Returns:
            The last layer's states for every step, (B, T, H) or packed as x was, with the directions
            side by side; then the final hidden state and cell of every layer, each (R, B, H).
        """
        states, (h, c) = read_batch(self, x, state)
        return states, (h, c)

    def trace(self, x: Tensor, state: State | None = None, overrides: Sequence[Override] = ()) -> Trace:
        """Run equations (1) to (6) line by line over one sequence, without dropout.

        Args:
            x: one sequence, (T, E) float.
            state: hidden state and cell to start from, each (R, H); zero if not given.
            overrides: gates that are set by hand.

        Returns:
            The arrays that `record` lists: "inputs", "outputs", and "input_gate", "forget_gate",
            "candidate", "output_gate", "cell" and "hidden" of every layer and direction.
        """
        return self._trace(x, state, overrides)

    def _steps(self, rows: Rows, x: Tensor, suffix: str, state: States) -> tuple[Tensor, States]:
        """Equations (1) to (6), one step after the other."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights(suffix)
        W_i, W_f, W_g, W_o = weight_ih.chunk(4)  # noqa: N806  the equations' own letters
        U_i, U_f, U_g, U_o = weight_hh.chunk(4)  # noqa: N806
        b_i, b_f, b_g, b_o = (bias_ih + bias_hh).chunk(4)
        keep, put = rows.keep, rows.put
        (h, c), states = state, []
        for t, x_t in enumerate(x):
            i = keep["input_gate"](put("input_gate", t, torch.sigmoid(W_i @ x_t + U_i @ h + b_i)))  # (H)
            f = keep["forget_gate"](put("forget_gate", t, torch.sigmoid(W_f @ x_t + U_f @ h + b_f)))  # (H)
            g = keep["candidate"](put("candidate", t, torch.tanh(W_g @ x_t + U_g @ h + b_g)))  # (H)
            o = keep["output_gate"](put("output_gate", t, torch.sigmoid(W_o @ x_t + U_o @ h + b_o)))  # (H)
            c = keep["cell"](f * c + i * g)  # (H)
            h = keep["hidden"](o * torch.tanh(c))  # (H)
            states.append(h)
        return torch.stack(states), (h, c)

    def steps_back(
        self, rows: Rows, seen: Seen, suffix: str, upstream: Tensor
    ) -> tuple[Tensor, Tensor, States]:
        """Walk equations (6) to (1) backwards; arguments and result as `Recurrence.steps_back` has them."""
        U_i, U_f, U_g, U_o = self.weights(suffix)[1].chunk(4)  # noqa: N806
        keep, c, c_before = rows.keep, seen["cell"], seen["cell_before"]
        i, f, g, o = (seen[gate] for gate in self.gates)
        h_after = c_after = torch.zeros_like(c[0])
        deltas = []
        for t in reversed(range(len(c))):
            dh = keep["grad_hidden"](upstream[t] + h_after)  # (H)
            dc = keep["grad_cell"](dh * o[t] * (1 - torch.tanh(c[t]) ** 2) + c_after)  # (H)
            do = keep["delta_output_gate"](dh * torch.tanh(c[t]) * o[t] * (1 - o[t]))  # (H)
            dg = keep["delta_candidate"](dc * i[t] * (1 - g[t] ** 2))  # (H)
            df = keep["delta_forget_gate"](dc * c_before[t] * f[t] * (1 - f[t]))  # (H)
            di = keep["delta_input_gate"](dc * g[t] * i[t] * (1 - i[t]))  # (H)
            h_after = U_i.T @ di + U_f.T @ df + U_g.T @ dg + U_o.T @ do  # (H)
            c_after = f[t] * dc  # (H)
            deltas.append(torch.cat([di, df, dg, do]))
        back = torch.stack(deltas[::-1])  # (T, G)
        return back, back, (h_after, c_after)
