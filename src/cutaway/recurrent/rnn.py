"""The simple recurrent network: one state, read and rewritten at every step.

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


class RNN(Recurrence):
    """Read a sequence into a state that every step rewrites.

        hₜ = tanh(W xₜ + U hₜ₋₁ + b)           hidden state                           (1)

    W is torch's `weight_ih`, U its `weight_hh`, b the sum of its two biases.

    Source:
        Elman 1990, Finding Structure in Time, Cognitive Science 14(2). Departs: tanh for Elman's
        logistic function, as in torch.

    Example:
        >>> rnn = RNN(4, 3)
        >>> states, h = rnn(torch.zeros(2, 5, 4))
        >>> states.shape, h.shape, rnn.trace(torch.zeros(5, 4))["hidden"].shape
        (torch.Size([2, 5, 3]), torch.Size([1, 2, 3]), (5, 3))
    """

    equations: ClassVar = {"hidden": Equation("hₜ = tanh(W xₜ + U hₜ₋₁ + b)", ("inputs", "hidden"))}
    backward_equations: ClassVar = {
        "grad_hidden": Equation("∂L/∂hₜ = ∂L/∂outputₜ + Uᵀ δₜ₊₁", ("grad_outputs", "delta_hidden")),
        "delta_hidden": Equation("δₜ = ∂L/∂hₜ ⊙ (1 − hₜ²)", ("grad_hidden", "hidden")),
    }
    blocks: ClassVar = 1
    gates: ClassVar = ("hidden",)
    operator: ClassVar = staticmethod(torch.rnn_tanh)
    held_by: ClassVar = (0,)

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
        """Run equation (1) line by line over one sequence, without dropout.

        Args:
            x: one sequence, (T, E) float.
            state: hidden state to start from, (R, H); zero if not given.
            overrides: units that are set by hand; the RNN has no gate but its state, "hidden".

        Returns:
            The arrays that `record` lists: "inputs", "outputs", and "hidden" of every layer and direction.
        """
        return self._trace(x, None if state is None else (state,), overrides)

    def _steps(self, rows: Rows, x: Tensor, suffix: str, state: States) -> tuple[Tensor, States]:
        """Equation (1), one step after the other."""
        W, U, bias_ih, bias_hh = self.weights(suffix)  # noqa: N806  the equation's own letters
        b = bias_ih + bias_hh  # (H)
        keep, put = rows.keep, rows.put
        (h,), states = state, []
        for t, x_t in enumerate(x):
            h = keep["hidden"](put("hidden", t, torch.tanh(W @ x_t + U @ h + b)))  # (H)
            states.append(h)
        return torch.stack(states), (h,)

    def steps_back(
        self, rows: Rows, seen: Seen, suffix: str, upstream: Tensor
    ) -> tuple[Tensor, Tensor, States]:
        """Walk equation (1) backwards; arguments and result as `Recurrence.steps_back` has them."""
        _, U, _, _ = self.weights(suffix)  # noqa: N806
        keep, h = rows.keep, seen["hidden"]
        from_after = torch.zeros_like(h[0])  # (H)
        deltas = []
        for t in reversed(range(len(h))):
            dh = keep["grad_hidden"](upstream[t] + from_after)  # (H)
            delta = keep["delta_hidden"](dh * (1 - h[t] ** 2))  # (H)
            from_after = U.T @ delta  # (H)
            deltas.append(delta)
        back = torch.stack(deltas[::-1])  # (T, H)
        return back, back, (from_after,)
