"""AdamW that moves only those rows of a table that a batch has looked up.

A batch of 4,096 tokens meets a few hundred of a vocabulary's 30,000 words. A dense gradient of the table is
zero almost everywhere, and yet each step would read and write all of it three times.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw as torch_adamw


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
            state["step"] = torch.zeros((), dtype=torch.float32, device=table.device)
            state["exp_avg"] = torch.zeros_like(table)
            state["exp_avg_sq"] = torch.zeros_like(table)
        # The rows side by side go through torch's own kernel, which reads and writes each number once.
        moments = [state["exp_avg"], state["exp_avg_sq"]]
        gathered = [part.index_select(0, rows) for part in (table, *moments)]
        first, second = group["betas"]
        torch_adamw(
            [gathered[0]],
            [values],
            [gathered[1]],
            [gathered[2]],
            [],
            [state["step"]],
            fused=True,
            amsgrad=False,
            beta1=first,
            beta2=second,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        for part, moved in zip((table, *moments), gathered, strict=True):
            part.index_copy_(0, rows, moved)


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
