"""What every recurrent layer shares: torch's weight layout, stacking, two directions, tracing.

A subclass adds two things: the fused operator for a whole batch (`forward`) and its equations, step
by step (`_steps`).

Legend: T steps, E numbers in, H hidden units, S streams (1 or 2 directions), G gates times H.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.ragged import check_finite

Directions = Literal["forward", "both"]


class Recurrence(nn.Module):
    """Parameters and open path of a stack of recurrent layers.

    The parameters are called, shaped and ordered as `torch.nn.LSTM`, `GRU` and `RNN` have them:
    `weight_ih_l0` (G, E), `weight_hh_l0` (G, H), `bias_ih_l0` and `bias_hh_l0` (G), then `_l0_reverse`,
    then `_l1` whose E is S·H. So `load_state_dict` works both ways.

    Args:
        input_size: numbers in an input vector.
        hidden_size: units of each direction.
        layers: how many are stacked; each reads the states of the one below.
        directions: "forward" reads from first to last; "both" reads the other way as well, and puts
            the two states side by side (Schuster & Paliwal 1997).
        dropout: share of the states between layers that training sets to zero.

    Raises:
        UsageError: a size or share is out of range.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        directions: Directions = "forward",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, layers) < 1:
            raise UsageError(f"sizes start at 1, not {input_size} in, {hidden_size} hidden, {layers} layers")
        if directions not in get_args(Directions):
            raise UsageError(f"directions must be one of {get_args(Directions)}, not {directions!r}")
        if not 0 <= dropout < 1:
            raise UsageError(f"dropout is a share, at least 0 and below 1, not {dropout}")
        self.input_size, self.hidden_size, self.layers = input_size, hidden_size, layers
        self.directions, self.dropout = directions, dropout
        rows = self.gates * hidden_size
        for suffix in self.suffixes:
            width = input_size if suffix.startswith("_l0") else self.output_size
            self.register_parameter(f"weight_ih{suffix}", nn.Parameter(torch.empty(rows, width)))
            self.register_parameter(f"weight_hh{suffix}", nn.Parameter(torch.empty(rows, hidden_size)))
            self.register_parameter(f"bias_ih{suffix}", nn.Parameter(torch.empty(rows)))
            self.register_parameter(f"bias_hh{suffix}", nn.Parameter(torch.empty(rows)))
        self.reset_parameters()

    @property
    def streams(self) -> int:
        """How many directions are read."""
        return 2 if self.directions == "both" else 1

    @property
    def output_size(self) -> int:
        """Numbers in an output vector: the hidden states of all directions."""
        return self.streams * self.hidden_size

    @property
    def suffixes(self) -> list[str]:
        """The ends of the parameters' names, layer by layer: "_l0", "_l0_reverse", "_l1", ..."""
        ends = ("", "_reverse")[: self.streams]
        return [f"_l{layer}{end}" for layer in range(self.layers) for end in ends]

    def reset_parameters(self) -> None:
        """Draw every parameter evenly from ±1/√H, as torch does."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def weights(self, suffix: str) -> list[Tensor]:
        """Return one direction of one layer: weight_ih, weight_hh, bias_ih, bias_hh.

        Args:
            suffix: one of `suffixes`.
        """
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [self.get_parameter(f"{name}{suffix}") for name in names]

    def flat_weights(self) -> list[Tensor]:
        """Return every parameter in the order in which torch's fused operators take them."""
        return [weight for suffix in self.suffixes for weight in self.weights(suffix)]

    def trace(self, x: Tensor) -> Trace:
        """Run the equations line by line over one sequence, from a zero state, without dropout.

        Args:
            x: one sequence, (T, E) float.

        Returns:
            Arrays "inputs" (T, E), "outputs" (T, S·H) as `forward` gives them, and every intermediate
            value, (T, H), row by row as it was computed. The first layer's forward direction has plain
            names; further ones end in torch's suffix ("cell_l1", "cell_l0_reverse"). A reverse
            direction's rows stand in its own order of reading: its axis is "step_reverse".
        """
        self.check(x, (None, self.input_size))
        rec = Recorder(f"{type(self).__name__}: {len(x)} steps, {self.hidden_size} units")
        with torch.no_grad():
            self.record(rec, x)
        return rec.finish()

    def record(self, rec: Recorder, x: Tensor) -> Tensor:
        """Run the equations over one sequence into somebody else's trace.

        Args:
            rec: written to as `trace` says.
            x: one sequence, (T, E) float.

        Returns:
            (T, S·H) float: the last layer's states.
        """
        states = rec.keep("inputs", x, axes=("position", "input"), formula="xₜ: the vectors read")
        for layer in range(self.layers):
            read = self._steps(rec, states, f"_l{layer}")  # (T, H)
            if self.directions == "both":
                back = self._steps(rec, states.flip(0), f"_l{layer}_reverse").flip(0)  # (T, H)
                read = torch.cat([read, back], dim=1)
            states = read
        last = [kept_name("hidden", suffix) for suffix in self.suffixes[-self.streams :]]
        rec.keep(
            "outputs", states, axes=("position", "output"), formula="outputsₜ = [h⃗ₜ; h⃖ₜ]", inputs=tuple(last)
        )
        return states

    def names_below(self, suffix: str) -> tuple[str, ...]:
        """Return the names, in a trace, of what a layer reads.

        Args:
            suffix: one of `suffixes`.
        """
        layer = self.suffixes.index(suffix) // self.streams
        if layer == 0:
            return ("inputs",)
        below = self.suffixes[(layer - 1) * self.streams : layer * self.streams]
        return tuple(kept_name("hidden", end) for end in below)

    def check(self, x: Tensor, expected: tuple[int | None, ...]) -> None:
        """Refuse input that the layer cannot read.

        Args:
            x: the input.
            expected: its shape; None stands for any size from 1.

        Raises:
            ShapeError: another shape, or no step at all.
        """
        fits = x.ndim == len(expected) and all(
            size > 0 if wanted is None else size == wanted
            for size, wanted in zip(x.shape, expected, strict=True)
        )
        if not fits:
            wanted = ["1 or more" if size is None else str(size) for size in expected]
            raise ShapeError(f"the input has shape {tuple(x.shape)}: expected ({', '.join(wanted)})")
        check_finite(x, "the inputs")

    def _steps(self, rec: Recorder, x: Tensor, suffix: str) -> Tensor:
        """Run one direction of one layer over (T, E), keeping each value; return the states, (T, H)."""
        raise NotImplementedError


def kept_name(name: str, suffix: str) -> str:
    """Return what a trace calls an array of one direction of one layer.

    Args:
        name: "hidden", say.
        suffix: torch's, "_l0" or "_l1_reverse".

    Example:
        >>> kept_name("hidden", "_l0"), kept_name("hidden", "_l1_reverse")
        ('hidden', 'hidden_l1_reverse')
    """
    return name if suffix == "_l0" else name + suffix


def kept_axes(suffix: str) -> tuple[str, str]:
    """Return the axes of such an array: steps in the direction's own order, and units.

    Args:
        suffix: torch's, "_l0" or "_l1_reverse".
    """
    return ("step_reverse" if suffix.endswith("_reverse") else "position", "unit")
