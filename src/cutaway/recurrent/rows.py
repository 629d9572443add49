"""How the open path of a recurrent layer writes its trace: one row a step, under torch's suffixes.

A layer declares its equations once, as text; the loop over the steps computes them, and each computed
line hands its value to the keeper of its equation. Gates may be overridden on the way.

Legend: T steps, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder

Keeper = Callable[[Tensor], Tensor]


class Equation(NamedTuple):
    """One line of a layer's mathematics.

    Attributes:
        formula: as the textbook writes it.
        reads: the values on its right-hand side; "inputs" stands for what the layer reads.
    """

    formula: str
    reads: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Override:
    """Set one gate of one unit at one step, whatever the equations say.

    Attributes:
        gate: the name of the array in the trace: "forget_gate", or "update_gate_l1_reverse".
        step: which row, counted in the direction's own order of reading.
        unit: which unit.
        value: what it shall be.

    Raises:
        UsageError: a position is negative, or the value is not a number.
    """

    gate: str
    step: int
    unit: int
    value: float

    def __post_init__(self) -> None:
        if min(self.step, self.unit) < 0:
            raise UsageError(f"steps and units count from 0, not {self.step} and {self.unit}")
        if not abs(self.value) < float("inf"):
            raise UsageError(f"a gate can be set to a finite number, not {self.value}")


class Rows:
    """The rows of one direction of one layer, on their way into a trace.

    Args:
        rec: the trace.
        equations: of the layer, by the name of what they compute.
        suffix: torch's end of the direction's parameters: "_l0", "_l1_reverse".
        below: the names of what the layer reads.
        overrides: those of the whole trace; the ones of other directions are left alone.
    """

    def __init__(
        self,
        rec: Recorder,
        equations: Mapping[str, Equation],
        suffix: str,
        below: tuple[str, ...],
        overrides: Sequence[Override] = (),
    ) -> None:
        self._suffix, self._overrides = suffix, overrides
        # A partial adds no frame, so that the trace's source line is the one with the equation.
        self.keep: dict[str, Keeper] = {
            name: partial(
                rec.keep_row,
                kept_name(name, suffix),
                axes=kept_axes(suffix),
                formula=equation.formula,
                inputs=_names(equation.reads, suffix, below),
            )
            for name, equation in equations.items()
        }

    def put(self, name: str, step: int, value: Tensor) -> Tensor:
        """Return a gate as computed, or with the units that are overridden at this step replaced.

        Args:
            name: of the equation, without suffix.
            step: in the direction's own order of reading.
            value: what the equation gave, (H) float.

        Returns:
            (H) float; the value itself where nothing is overridden.
        """
        for override in self._overrides:
            if (override.gate, override.step) == (kept_name(name, self._suffix), step):
                value = value.clone()
                value[override.unit] = override.value
        return value


def _names(reads: tuple[str, ...], suffix: str, below: tuple[str, ...]) -> tuple[str, ...]:
    own = [below if name == "inputs" else (kept_name(name, suffix),) for name in reads]
    return tuple(name for names in own for name in names)


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
