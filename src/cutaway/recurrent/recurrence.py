"""What every recurrent layer shares: torch's weight layout, stacking, two directions, tracing.

A subclass adds its equations, step by step (`_steps`), the same backwards (`_steps_back`), and names
torch's fused operator for them.

Legend: T steps, E numbers in, H hidden units, R rows of state (layers times directions),
S streams (1 or 2 directions), G gates times H.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.blocks import States
from cutaway.recurrent.ragged import check_finite
from cutaway.recurrent.rows import Equation, Override, Rows, kept_name

Directions = Literal["forward", "both"]
Seen = Mapping[str, Tensor]


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

    equations: ClassVar[Mapping[str, Equation]]
    backward_equations: ClassVar[Mapping[str, Equation]]
    # How many blocks of H rows a weight has, how many arrays a state, and which of them may be overridden.
    blocks: ClassVar[int]
    state_parts: ClassVar[int] = 1
    gates: ClassVar[tuple[str, ...]]
    operator: ClassVar[Callable[..., Any]]
    # Which gates a pad opens (1) and closes (-1), so that the step keeps the state; all 0 where none can.
    held_by: ClassVar[tuple[int, ...]]

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
        rows = self.blocks * hidden_size
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
        return [getattr(self, f"{name}{suffix}") for name in names]

    def flat_weights(self) -> list[Tensor]:
        """Return every parameter in the order in which torch's fused operators take them."""
        return list(self.parameters())

    def record(
        self, rec: Recorder, x: Tensor, state: States | None = None, overrides: Sequence[Override] = ()
    ) -> tuple[Tensor, States]:
        """Run the equations over one sequence into somebody else's trace.

        Arrays "inputs" (T, E), "outputs" (T, S·H) as `forward` gives them, and every intermediate
        value, (T, H), row by row as it was computed. The first layer's forward direction has plain
        names; further ones end in torch's suffix ("hidden_l1", "hidden_l0_reverse"). A reverse
        direction's rows stand in its own order of reading: its axis is "step_reverse". A second call
        with the same recorder and the state that the first returned goes on where that one ended.

        Args:
            rec: the trace.
            x: one sequence, (T, E) float.
            state: to start from, arrays of (R, H); zero if not given.
            overrides: gates that are set by hand.

        Returns:
            The last layer's states, (T, S·H), and the final state, arrays of (R, H).

        Raises:
            ShapeError: the state does not fit.
            UsageError: an override names a gate, step or unit that there is not.
        """
        self._check_overrides(overrides, len(x))
        shape = (len(self.suffixes), self.hidden_size)
        start = (x.new_zeros(shape),) * self.state_parts if state is None else state
        for part in start:
            if part.shape != shape:
                raise ShapeError(f"the state has shape {tuple(part.shape)}: expected {shape}")
        for x_t in x:
            rec.keep_row("inputs", x_t, axes=("position", "input"), formula="xₜ: the vectors read")
        states, finals = x, []
        for layer in range(self.layers):
            sides = []
            for side in range(self.streams):
                row = layer * self.streams + side
                suffix = self.suffixes[row]
                rows = Rows(rec, self.equations, suffix, self.names_below(suffix), overrides)
                read = states.flip(0) if side else states
                out, final = self._steps(rows, read, suffix, tuple(part[row] for part in start))
                sides.append(out.flip(0) if side else out)
                finals.append(final)
            states = torch.cat(sides, dim=1)
        last = tuple(kept_name("hidden", suffix) for suffix in self.suffixes[-self.streams :])
        for shown in states:
            rec.keep_row(
                "outputs", shown, axes=("position", "output"), formula="outputsₜ = [h⃗ₜ; h⃖ₜ]", inputs=last
            )
        return states, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))

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
            DataError: x holds NaN or infinity.
        """
        fits = x.ndim == len(expected) and all(
            size > 0 if wanted is None else size == wanted
            for size, wanted in zip(x.shape, expected, strict=True)
        )
        if not fits:
            wanted = ["1 or more" if size is None else str(size) for size in expected]
            raise ShapeError(f"the input has shape {tuple(x.shape)}: expected ({', '.join(wanted)})")
        check_finite(x, "the inputs")

    def _trace(self, x: Tensor, state: States | None, overrides: Sequence[Override]) -> Trace:
        self.check(x, (None, self.input_size))
        rec = Recorder(f"{type(self).__name__}: {len(x)} steps, {self.hidden_size} units")
        with torch.no_grad():
            self.record(rec, x, state, overrides)
        return rec.finish()

    def _check_overrides(self, overrides: Sequence[Override], steps: int) -> None:
        known = [kept_name(gate, suffix) for suffix in self.suffixes for gate in self.gates]
        for override in overrides:
            if override.gate not in known:
                raise UsageError(f"there is no gate {override.gate!r}: there are {', '.join(known)}")
            if override.step >= steps or override.unit >= self.hidden_size:
                raise UsageError(
                    f"there is no step {override.step}, unit {override.unit}: the sequence has {steps} "
                    f"steps, the layer {self.hidden_size} units"
                )

    def _steps(self, rows: Rows, x: Tensor, suffix: str, state: States) -> tuple[Tensor, States]:
        """Run one direction of one layer over (T, E), keeping each value.

        Returns:
            The states, (T, H), and the final state, arrays of (H).
        """
        raise NotImplementedError

    def steps_back(
        self, rows: Rows, seen: Seen, suffix: str, upstream: Tensor
    ) -> tuple[Tensor, Tensor, States]:
        """Walk one direction of one layer from its last step to its first: backpropagation through time.

        Args:
            rows: where each value is kept, last step first.
            seen: every value of the forward pass, (T, H), by its name without suffix; and under
                "hidden_before", "cell_before" the states one step earlier.
            suffix: the direction and layer.
            upstream: ∂L/∂outputₜ from above, (T, H), in the direction's own order of reading.

        Returns:
            ∂L by what W xₜ + b_ih gave, (T, G); by what U hₜ₋₁ + b_hh gave, (T, G); by the state
            before the first step, arrays of (H).

        Raises:
            NotImplementedError: a subclass has not said how.
        """
        raise NotImplementedError
