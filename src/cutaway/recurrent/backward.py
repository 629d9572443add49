"""Backpropagation through time by hand: every gradient of one sequence, from the chain rule alone.

No autograd: the forward equations leave their values, then each layer is walked from its last step to
its first, and the sums over the steps are the gradients of the weights.

Legend: T steps, E numbers in, H hidden units, S streams (1 or 2 directions), G gates times H.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from cutaway.core.errors import ShapeError
from cutaway.core.trace import NamedArray, Recorder, Trace
from cutaway.recurrent.blocks import States
from cutaway.recurrent.ragged import check_finite
from cutaway.recurrent.recurrence import Recurrence
from cutaway.recurrent.rows import Rows, kept_name

STATE_NAMES = ("hidden", "cell")


def trace_backward(layer: Recurrence, x: Tensor, upstream: Tensor, state: States | None = None) -> Trace:
    """Run a layer over one sequence, forward and backward, line by line.

        ∂L/∂W = Σₜ δₜ xₜᵀ                                                  (1)
        ∂L/∂U = Σₜ δₜ hₜ₋₁ᵀ                                                (2)
        ∂L/∂b = Σₜ δₜ                                                      (3)
        ∂L/∂xₜ = Wᵀ δₜ                                                     (4)

    where δₜ, the gradient by the sums in front of the gates, comes from the layer's own equations.

    Args:
        layer: an RNN, GRU or LSTM.
        x: one sequence, (T, E) float.
        upstream: ∂L/∂outputₜ, (T, S·H) float: how the loss depends on what the layer gives.
        state: to start from, arrays of (R, H); zero if not given.

    Returns:
        All arrays of the forward trace; for each layer and direction "grad_hidden" (for an LSTM also
        "grad_cell") and "delta_…" of each gate, (T, H), row t beside row t of the forward array;
        "grad_inputs" (T, E); "grad_start_hidden" (and "grad_start_cell") (R, H); and the gradient of each
        parameter under "grad_" and torch's name for it.

    Raises:
        ShapeError: x, upstream or the state does not fit.
        DataError: x or upstream holds NaN or infinity.

    Source:
        Werbos 1990, Backpropagation through time: what it does and how to do it, Proceedings of the
        IEEE 78(10); for the LSTM: Graves & Schmidhuber 2005, Neural Networks 18, appendix A, without
        peepholes.

    Example:
        >>> from cutaway.recurrent.rnn import RNN
        >>> trace_backward(RNN(2, 3), torch.ones(4, 2), torch.ones(4, 3))["grad_weight_ih_l0"].shape
        (3, 2)
    """
    layer.check(x, (None, layer.input_size))
    if upstream.shape != (len(x), layer.output_size):
        wanted = (len(x), layer.output_size)
        raise ShapeError(f"the gradient has shape {tuple(upstream.shape)}: expected {wanted}")
    check_finite(upstream, "the gradients")
    rec = Recorder(f"{type(layer).__name__}: {len(x)} steps forward and backward, {layer.hidden_size} units")
    with torch.no_grad():
        layer.record(rec, x, state)
        back = Recorder("")
        _Walk(layer, x, state, rec.finish(), back).run(upstream)
    rec.include(_in_time(back.finish()))
    return rec.finish()


class _Walk:
    """From the last layer to the first, from the last step to the first."""

    def __init__(
        self, layer: Recurrence, x: Tensor, state: States | None, forward: Trace, back: Recorder
    ) -> None:
        self.layer, self.forward, self.back = layer, forward, back
        zeros = x.new_zeros(len(layer.suffixes), layer.hidden_size)
        self.start = (zeros,) * layer.state_parts if state is None else state
        self.x = x

    def run(self, upstream: Tensor) -> None:
        layer, back = self.layer, self.back
        given = back.keep(
            "grad_outputs", upstream, axes=("position", "output"), formula="∂L/∂outputₜ: given"
        )  # (T, S·H)
        starts: list[States] = []
        for at in reversed(range(layer.layers)):
            sides = []
            suffixes = layer.suffixes[at * layer.streams : (at + 1) * layer.streams]
            parts = list(zip(suffixes, given.chunk(layer.streams, dim=1), strict=True))
            for suffix, part in reversed(parts):
                grad, start = self._direction(suffix, part)
                sides.append(grad)
                starts.insert(0, start)
            given = sum(sides[1:], sides[0])
        back.keep(
            "grad_inputs",
            given,
            axes=("position", "input"),
            formula="∂L/∂xₜ = Wᵀ δₜ, of both directions",
            inputs=tuple(f"grad_read{suffix}" for suffix in layer.suffixes[: layer.streams]),
        )
        for name, rows in zip(STATE_NAMES, zip(*starts, strict=True), strict=False):
            back.keep(
                f"grad_start_{name}",
                torch.stack(rows),
                axes=("row", "unit"),
                formula=f"∂L by the {name} before the first step",
                inputs=tuple(kept_name(f"grad_{name}", suffix) for suffix in layer.suffixes),
            )

    def _direction(self, suffix: str, upstream: Tensor) -> tuple[Tensor, States]:
        """One direction of one layer: ∂L by what it read, (T, E) in time; and by its first state."""
        layer, back = self.layer, self.back
        flipped = suffix.endswith("_reverse")
        seen, read = self._seen(suffix), self._read(suffix)
        rows = Rows(back, layer.backward_equations, suffix, layer.names_below(suffix))
        upstream = upstream.flip(0) if flipped else upstream  # (T, H)
        by_input, by_state, start = layer.steps_back(rows, seen, suffix, upstream)
        self._weights(suffix, by_input, by_state, (read, seen["hidden_before"]))
        deltas = tuple(kept_name(n, suffix) for n in layer.backward_equations if n.startswith("delta"))
        grad = back.keep(
            f"grad_read{suffix}",
            by_input @ layer.weights(suffix)[0],
            axes=("step_reverse" if flipped else "position", "input"),
            formula="∂L/∂xₜ = Wᵀ δₜ",
            inputs=deltas,
        )  # (T, E)
        return grad.flip(0) if flipped else grad, start

    def _weights(self, suffix: str, by_input: Tensor, by_state: Tensor, read: tuple[Tensor, Tensor]) -> None:
        """Equations (1) to (3): the gradients of a direction's parameters, (G, E), (G, H), (G) and (G)."""
        keep, (x, h_before) = self.back.keep, read
        layer = self.layer
        deltas = tuple(kept_name(n, suffix) for n in layer.backward_equations if n.startswith("delta"))
        below, hidden = layer.names_below(suffix), kept_name("hidden", suffix)
        keep(
            f"grad_weight_ih{suffix}",
            by_input.T @ x,
            axes=("gate", "input"),
            formula="∂L/∂W = Σₜ δₜ xₜᵀ",
            inputs=(*deltas, *below),
        )
        keep(
            f"grad_weight_hh{suffix}",
            by_state.T @ h_before,
            axes=("gate", "unit"),
            formula="∂L/∂U = Σₜ δₜ hₜ₋₁ᵀ",
            inputs=(*deltas, hidden),
        )
        for name, delta in (("bias_ih", by_input), ("bias_hh", by_state)):
            keep(
                f"grad_{name}{suffix}",
                delta.sum(dim=0),
                axes=("gate",),
                formula="∂L/∂b = Σₜ δₜ",
                inputs=deltas,
            )

    def _seen(self, suffix: str) -> dict[str, Tensor]:
        """The forward pass's values, and the states one step earlier."""
        seen = {name: self._array(kept_name(name, suffix)) for name in self.layer.equations}
        row = self.layer.suffixes.index(suffix)
        for name, start in zip(STATE_NAMES, self.start, strict=False):
            seen[f"{name}_before"] = torch.cat([start[row][None], seen[name][:-1]])
        return seen

    def _read(self, suffix: str) -> Tensor:
        """What the direction read, (T, E), in its own order."""
        sides = []
        for name in self.layer.names_below(suffix):
            side = self._array(name)
            sides.append(side.flip(0) if name.endswith("_reverse") else side)
        read = torch.cat(sides, dim=1)  # (T, E)
        return read.flip(0) if suffix.endswith("_reverse") else read

    def _array(self, name: str) -> Tensor:
        return torch.tensor(self.forward[name], dtype=self.x.dtype, device=self.x.device)


def _in_time(trace: Trace) -> Trace:
    """Turn rows that were kept from the last step to the first: row t beside the forward pass's row t."""
    arrays: dict[str, NamedArray] = {}
    for name, array in trace.arrays.items():
        walked = array.axes[-1] == "unit" and array.axes[0] in ("position", "step_reverse")
        arrays[name] = replace(array, values=array.values[::-1].copy()) if walked else array
    return replace(trace, arrays=arrays)
