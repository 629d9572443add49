"""AdamW that moves only those rows of a table that a batch has looked up.

A batch of 4,096 tokens meets a few hundred of a vocabulary's 30,000 words. A dense gradient of the table is
zero almost everywhere, and yet each step would read and write all of it three times.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LazyAdamW(torch.optim.AdamW):
    """Torch's AdamW, and for a parameter with a sparse gradient the same for the rows that are in it.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        θ ← θ (1 − η λ) − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    Departs: a row that no token of the batch looked up keeps its moments and its place; dense AdamW lets
    the moments fade, and moves the row on by what is left of them.

    Source:
        Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient.

        Args:
            closure: not supported; torch's interface has it.
        """
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    self._move_rows(parameter, group)
                    parameter.grad = None
        super().step()

    def _move_rows(self, table: Tensor, group: dict[str, Any]) -> None:
        values = grad_values(table)
        rows = table.grad.indices()[0]  # type: ignore[union-attr]
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = torch.zeros_like(table)
        state["step"] += 1
        (first, second), t = group["betas"], float(state["step"])
        m = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - first)
        v = state["exp_avg_sq"].index_select(0, rows).mul_(second).addcmul_(values, values, value=1 - second)
        state["exp_avg"].index_copy_(0, rows, m)
        state["exp_avg_sq"].index_copy_(0, rows, v)
        spread = v.div_(1 - second**t).sqrt_().add_(group["eps"])
        moved = table.index_select(0, rows).mul_(1 - group["lr"] * group["weight_decay"])
        moved.addcdiv_(m, spread, value=-group["lr"] / (1 - first**t))
        table.index_copy_(0, rows, moved)


def grad_values(parameter: Tensor) -> Tensor:
    """Return the numbers of a gradient to be read and changed in place; of a sparse one those of its rows.

    Args:
        parameter: its gradient, if sparse, is left with each row once.

    Returns:
        The gradient, or the values in it.
    """
    gradient = parameter.grad
    assert gradient is not None
    if not gradient.is_sparse:
        return gradient
    parameter.grad = gradient.coalesce()
    return parameter.grad.values()
