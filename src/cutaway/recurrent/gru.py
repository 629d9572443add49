"""The gated recurrent unit: one state, of which each step keeps some and rewrites the rest.

Legend: B sequences, T steps, E numbers in, H hidden units, R rows of state (layers times directions).
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


class GRU(Recurrence):
    """Read a sequence into a state that gates update.

        rₜ = σ(W_r xₜ + U_r hₜ₋₁ + b_r)             reset gate: how much of the past is seen   (1)
        zₜ = σ(W_z xₜ + U_z hₜ₋₁ + b_z)             update gate: how much is kept              (2)
        nₜ = tanh(W_n xₜ + b_n + rₜ ⊙ (U_n hₜ₋₁ + a_n))   candidate: what would be written     (3)
        hₜ = zₜ ⊙ hₜ₋₁ + (1 − zₜ) ⊙ nₜ             hidden state                               (4)

    W and U stand stacked in this order (r, z, n) in torch's parameters. b_r and b_z are sums of torch's
    two biases; the candidate keeps them apart, since the reset gate scales only a_n, that of `bias_hh`.

    Source:
        Cho et al. 2014, arXiv:1406.1078, section 2.3, equations 5 to 8. Departs: the reset gate scales
        U_n hₜ₋₁ after the product, where equation 8 has U (r ⊙ hₜ₋₁), as in torch: one product for all
        three gates.

    Example:
        >>> gru = GRU(4, 3)
        >>> states, h = gru(torch.zeros(2, 5, 4))
        >>> states.shape, h.shape, gru.trace(torch.zeros(5, 4))["update_gate"].shape
        (torch.Size([2, 5, 3]), torch.Size([1, 2, 3]), (5, 3))
    """

    equations: ClassVar = {
        "reset_gate": Equation("rₜ = σ(W_r xₜ + U_r hₜ₋₁ + b_r)", ("inputs", "hidden")),
        "update_gate": Equation("zₜ = σ(W_z xₜ + U_z hₜ₋₁ + b_z)", ("inputs", "hidden")),
        "candidate": Equation(
            "nₜ = tanh(W_n xₜ + b_n + rₜ ⊙ (U_n hₜ₋₁ + a_n))", ("inputs", "reset_gate", "hidden")
        ),
        "hidden": Equation("hₜ = zₜ ⊙ hₜ₋₁ + (1 − zₜ) ⊙ nₜ", ("update_gate", "hidden", "candidate")),
    }
    backward_equations: ClassVar = {
        "grad_hidden": Equation(
            "∂L/∂hₜ = ∂L/∂outputₜ + zₜ₊₁ ⊙ ∂L/∂hₜ₊₁ + U_rᵀ δrₜ₊₁ + U_zᵀ δzₜ₊₁ + U_nᵀ (rₜ₊₁ ⊙ δnₜ₊₁)",
            (
                "grad_outputs",
                "update_gate",
                "reset_gate",
                "delta_reset_gate",
                "delta_update_gate",
                "delta_candidate",
            ),
        ),
        "delta_update_gate": Equation(
            "δzₜ = ∂L/∂hₜ ⊙ (hₜ₋₁ − nₜ) ⊙ zₜ(1 − zₜ)", ("grad_hidden", "hidden", "candidate", "update_gate")
        ),
        "delta_candidate": Equation(
            "δnₜ = ∂L/∂hₜ ⊙ (1 − zₜ) ⊙ (1 − nₜ²)", ("grad_hidden", "update_gate", "candidate")
        ),
        "delta_reset_gate": Equation(
            "δrₜ = δnₜ ⊙ (U_n hₜ₋₁ + a_n) ⊙ rₜ(1 − rₜ)", ("delta_candidate", "hidden", "reset_gate")
        ),
    }
    blocks: ClassVar = 3
    gates: ClassVar = ("reset_gate", "update_gate", "candidate")
    operator: ClassVar = staticmethod(torch.gru)
    held_by: ClassVar = (0, 1, 0)

    def forward(self, x: Batch, state: Tensor | None = None) -> tuple[Batch, Tensor]:
        """Read a batch by torch's fused operator.

        Args:
            x: (B, T, E) float, or a packed batch of sequences of different lengths (`ragged.pack`).
            state: hidden state to start from, (R, B, H); zero if not given.

        Returns:
            The last layer's states for every step, (B, T, H) or packed as x was, with the directions
            side by side; then the final hidden state of every layer, (R, B, H).
        """
        states, (h,) = read_batch(self, x, None if state is None else (state,))
        return states, h

    def trace(self, x: Tensor, state: Tensor | None = None, overrides: Sequence[Override] = ()) -> Trace:
        """Run equations (1) to (4) line by line over one sequence, without dropout.

        Args:
            x: one sequence, (T, E) float.
            state: hidden state to start from, (R, H); zero if not given.
            overrides: gates that are set by hand.

        Returns:
            The arrays that `record` lists: "inputs", "outputs", and "reset_gate", "update_gate",
            "candidate" and "hidden" of every layer and direction.
        """
        return self._trace(x, None if state is None else (state,), overrides)

    def _steps(self, rows: Rows, x: Tensor, suffix: str, state: States) -> tuple[Tensor, States]:
        """Equations (1) to (4), one step after the other."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights(suffix)
        W_r, W_z, W_n = weight_ih.chunk(3)  # noqa: N806  the equations' own letters
        U_r, U_z, U_n = weight_hh.chunk(3)  # noqa: N806
        b_r, b_z, _ = (bias_ih + bias_hh).chunk(3)
        b_n, a_n = bias_ih.chunk(3)[2], bias_hh.chunk(3)[2]
        keep, put = rows.keep, rows.put
        (h,), states = state, []
        for t, x_t in enumerate(x):
            r = keep["reset_gate"](put("reset_gate", t, torch.sigmoid(W_r @ x_t + U_r @ h + b_r)))  # (H)
            z = keep["update_gate"](put("update_gate", t, torch.sigmoid(W_z @ x_t + U_z @ h + b_z)))  # (H)
            n = torch.tanh(W_n @ x_t + b_n + r * (U_n @ h + a_n))  # (H)
            n = keep["candidate"](put("candidate", t, n))  # (H)
            h = keep["hidden"](z * h + (1 - z) * n)  # (H)
            states.append(h)
        return torch.stack(states), (h,)

    def steps_back(
        self, rows: Rows, seen: Seen, suffix: str, upstream: Tensor
    ) -> tuple[Tensor, Tensor, States]:
        """Walk equations (4) to (1) backwards; arguments and result as `Recurrence.steps_back` has them."""
        _, weight_hh, _, bias_hh = self.weights(suffix)
        U_r, U_z, U_n = weight_hh.chunk(3)  # noqa: N806
        a_n = bias_hh.chunk(3)[2]
        keep, h_before = rows.keep, seen["hidden_before"]
        r, z, n = seen["reset_gate"], seen["update_gate"], seen["candidate"]
        from_after = torch.zeros_like(n[0])  # (H)
        by_input, by_state = [], []
        for t in reversed(range(len(n))):
            dh = keep["grad_hidden"](upstream[t] + from_after)  # (H)
            dz = keep["delta_update_gate"](dh * (h_before[t] - n[t]) * z[t] * (1 - z[t]))  # (H)
            dn = keep["delta_candidate"](dh * (1 - z[t]) * (1 - n[t] ** 2))  # (H)
            dr = keep["delta_reset_gate"](dn * (U_n @ h_before[t] + a_n) * r[t] * (1 - r[t]))  # (H)
            from_after = z[t] * dh + U_r.T @ dr + U_z.T @ dz + U_n.T @ (r[t] * dn)  # (H)
            by_input.append(torch.cat([dr, dz, dn]))
            by_state.append(torch.cat([dr, dz, r[t] * dn]))
        return torch.stack(by_input[::-1]), torch.stack(by_state[::-1]), (from_after,)
