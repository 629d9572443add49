"""How much of a loss reaches back: the length of its gradient at every earlier state, measured.

Legend: N sequences, T steps, E numbers in, H units, G gates times H.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.recurrent.attention_layer import AttentionLayer
from cutaway.recurrent.backward import trace_backward
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.recurrence import Recurrence
from cutaway.recurrent.rnn import RNN

INPUTS = 16
HEADS = 4
RADII = (0.5, 0.9, 1.0, 1.1, 1.5)

# Arrays of the trace, and where in a backward trace each is found.
STATES = {"RNN": "grad_hidden", "GRU": "grad_hidden", "LSTM": "grad_hidden", "LSTM cell": "grad_cell"}
NETWORKS = (*STATES, "attention")
KINDS: dict[str, type[Recurrence]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


@dataclass(frozen=True, kw_only=True)
class GradientSettings:
    """What is measured.

    Attributes:
        steps: T, how long the sequences are.
        units: H, of every network; a multiple of 8.
        radii: the spectral radii that the recurrent weights are given, one network each.
        gate_bias: added to what the LSTM's forget gate and the GRU's update gate see: at 0 they stand
            half open and forget half of everything at each step, at 2 they keep 88 %.
        sequences: over how many random ones the mean is taken.
        seed: of weights and sequences.

    Raises:
        UsageError: a value is out of range.
    """

    steps: int = 100
    units: int = 64
    radii: tuple[float, ...] = RADII
    gate_bias: float = 2.0
    sequences: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if not (3 <= self.steps <= 2000 and 8 <= self.units <= 1024 and self.units % 8 == 0):
            raise UsageError(
                f"steps are 3 to 2,000, units a multiple of 8 up to 1,024, not {self.steps} and {self.units}"
            )
        if not 1 <= self.sequences <= 1000:
            raise UsageError(f"sequences are 1 to 1,000, not {self.sequences}")
        if not (1 <= len(self.radii) <= 8 and all(0 < radius < 100 for radius in self.radii)):
            raise UsageError(
                f"one to eight radii are needed, each above 0 and below 100, not {list(self.radii)}"
            )
        if not math.isfinite(self.gate_bias):
            raise UsageError(f"the gate bias must be a finite number, not {self.gate_bias}")


def measure_gradients(
    settings: GradientSettings, told: Callable[[str], None] = lambda network: None
) -> Trace:
    """Measure how the gradient of a loss at the last step fades or grows on its way back.

        L = v · h_T,  ‖v‖ = 1                                              (1)
        ∂L/∂hₜ = (∏ ∂h_k/∂h_k₋₁, t < k ≤ T)ᵀ v                             (2)

    For a simple network each factor of (2) is Uᵀ diag(1 − h²): its length is at most that of U, so the
    gradient vanishes where the radius is below 1 and may explode above. A gated network adds a way
    around U, wide open while its gate is. Attention has one factor, whatever the distance.

    The gradients are those of the hand-written backward pass (`backward.trace_backward`); attention's,
    which has no recurrence to walk, are autograd's. The LSTM has two lines: ∂L/∂hₜ as the issue is
    usually drawn, and ∂L/∂cₜ, on which its memory travels.

    Args:
        settings: sizes, radii, seed.
        told: called with a network's name after each network and radius.

    Returns:
        Arrays "RNN", "GRU", "LSTM" and "LSTM cell" (radius, distance), and "attention" (distance): the
        length of the gradient k steps back, the geometric mean over the sequences; and a table
        "fading": by which factor each line falls or grows a step, on the mean.

    Source:
        Bengio, Simard & Frasconi 1994, Learning long-term dependencies with gradient descent is
        difficult, IEEE Transactions on Neural Networks 5(2); Pascanu, Mikolov & Bengio 2013,
        arXiv:1211.5063, section 2.1, equations 4 to 7.

    Example:
        >>> trace = measure_gradients(GradientSettings(steps=4, units=8, radii=(0.5,), sequences=2))
        >>> trace["RNN"].shape, round(float(trace["RNN"][0, 0]), 6)
        ((1, 4), 1.0)
    """
    x, v = draw_sequences(settings)
    rec = Recorder(f"gradients over {settings.steps} steps, {settings.units} units")
    for name in KINDS:
        for radius in settings.radii:
            _recurrent(rec, name, (x, v), radius, settings)
            told(name)
    _attention(rec, x, v, settings)
    told("attention")
    rec.label("radius", [f"{radius:g}" for radius in settings.radii])
    rec.label("distance", [str(step) for step in range(settings.steps)])
    found = rec.finish()
    rec.table(
        "fading",
        ("network", "radius", "factor a step", "left at the far end"),
        _fading(found, settings.radii),
        formula="(‖∂L/∂h₁‖ / ‖∂L/∂h_T₋₁‖)^(1/(T − 2))",
        inputs=tuple(found.arrays),
    )
    return rec.finish()


def draw_sequences(settings: GradientSettings) -> tuple[Tensor, Tensor]:
    """Draw what the networks read, and the directions along which the loss reads the last state.

    Args:
        settings: sizes and seed.

    Returns:
        x, (N, T, E) float64, normal; v, (N, H) float64, each row of length 1.
    """
    random = torch.Generator().manual_seed(settings.seed)
    draw = partial(torch.randn, generator=random, dtype=torch.float64)
    x = draw(settings.sequences, settings.steps, INPUTS)  # (N, T, E)
    v = draw(settings.sequences, settings.units)  # (N, H)
    return x, v / v.norm(dim=1, keepdim=True)


def make_network(name: str, radius: float, settings: GradientSettings) -> Recurrence:
    """Make a network whose recurrent matrices have a spectral radius, without biases, its gates open.

    Args:
        name: "RNN", "GRU" or "LSTM".
        radius: the largest modulus of the eigenvalues of each matrix U; equal seeds differ in nothing else.
        settings: sizes, seed and gate bias.
    """
    torch.manual_seed(settings.seed)
    layer, size = KINDS[name](INPUTS, settings.units).double(), settings.units
    _, recurrent, bias_ih, bias_hh = layer.weights("_l0")
    with torch.no_grad():
        for U in recurrent.normal_().chunk(layer.blocks):  # noqa: N806
            U.mul_(radius / torch.linalg.eigvals(U).abs().max())
        bias_ih.zero_()
        bias_hh.zero_()
        # The second block is the LSTM's forget gate and the GRU's update gate.
        if layer.blocks > 1:
            bias_ih[size : 2 * size] = settings.gate_bias
    return layer


def _recurrent(
    rec: Recorder, name: str, given: tuple[Tensor, Tensor], radius: float, settings: GradientSettings
) -> None:
    """Measure one recurrent network at one radius; an LSTM leaves two rows."""
    layer, traces = make_network(name, radius, settings), []
    for x, v in zip(*given, strict=True):
        upstream = torch.zeros(settings.steps, settings.units, dtype=torch.float64)  # (T, H)
        upstream[-1] = v
        traces.append(trace_backward(layer, x, upstream))
    for line, array in STATES.items():
        if line.split()[0] == name:
            rec.keep_row(
                line,
                _lengths([torch.tensor(trace[array]) for trace in traces]),
                axes=("radius", "distance"),
                formula=f"exp mean log ‖{'∂L/∂cₜ' if 'cell' in line else '∂L/∂hₜ'}‖ over the sequences",
            )


def _attention(rec: Recorder, x: Tensor, v: Tensor, settings: GradientSettings) -> None:
    """Measure the attention layer: the gradient by each state that the last step sees."""
    torch.manual_seed(settings.seed)
    layer = AttentionLayer(INPUTS, settings.units, heads=HEADS).double()
    states = layer.states(x).detach().requires_grad_()
    (grads,) = torch.autograd.grad((layer.read(states)[:, -1] * v).sum(), states)
    rec.keep(
        "attention",
        _lengths(list(grads)),
        axes=("distance",),
        formula="exp mean log ‖∂L/∂sₜ‖ over the sequences",
    )


def _lengths(grads: list[Tensor]) -> Tensor:
    """The geometric mean of the rows' lengths over the sequences, from the last step back."""
    lengths = torch.stack(grads).norm(dim=2).flip(1)  # (N, T)
    means: Tensor = lengths.clamp_min(torch.finfo(torch.float64).tiny).log().mean(dim=0).exp()  # (T)
    return means


def _fading(trace: Trace, radii: tuple[float, ...]) -> list[tuple[str, float | None, float, float]]:
    """Rows of the table: the first step back is left out, where attention and cell differ from the rest."""
    rows: list[tuple[str, float | None, float, float]] = []
    for name in NETWORKS:
        for at, line in enumerate(trace[name].reshape(-1, trace[name].shape[-1])):
            factor = float(line[-1] / line[1]) ** (1 / (len(line) - 2))
            rows.append((name, None if name == "attention" else radii[at], factor, float(line[-1])))
    return rows
