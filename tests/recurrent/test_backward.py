"""Backpropagation through time by hand: equal to autograd, and to finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cutaway.core.errors import DataError, ShapeError
from cutaway.recurrent.backward import trace_backward
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.recurrence import Directions
from cutaway.recurrent.rnn import RNN

Layer = RNN | GRU | LSTM
KINDS: tuple[type[Layer], ...] = (RNN, GRU, LSTM)


def set_up(kind: type[Layer], layers: int, ways: Directions, steps: int) -> tuple[Layer, Tensor, Tensor]:
    torch.manual_seed(layers * 100 + steps)
    layer = kind(3, 4, layers=layers, directions=ways).double()
    x = torch.randn(steps, 3, dtype=torch.float64)
    return layer, x, torch.randn(steps, layer.output_size, dtype=torch.float64)


@settings(max_examples=40)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 3),
    st.sampled_from(["forward", "both"]),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_gradient_equals_autograd(
    kind: type[Layer], layers: int, ways: Directions, steps: int, given_state: bool
) -> None:
    layer, x, upstream = set_up(kind, layers, ways, steps)
    shape = (len(layer.suffixes), 1, 4)
    start = tuple(
        (torch.randn(shape).double() if given_state else torch.zeros(shape).double()).requires_grad_()
        for _ in range(layer.state_parts)
    )
    read = x[None].clone().requires_grad_()
    states, _ = layer(read, start if len(start) == 2 else start[0])
    (states[0] * upstream).sum().backward()
    alone = tuple(part[:, 0].detach() for part in start) if given_state else None
    trace = trace_backward(layer, x, upstream, alone)
    np.testing.assert_allclose(trace["grad_inputs"], read.grad[0], atol=1e-10)
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(trace[f"grad_{name}"], parameter.grad, atol=1e-10, err_msg=name)
    for name, part in zip(("hidden", "cell"), start, strict=False):
        np.testing.assert_allclose(trace[f"grad_start_{name}"], part.grad[:, 0], atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_state_gradients_equal_autograd_step_by_step(kind: type[Layer]) -> None:
    """Each state on its way is a leaf whose gradient autograd tells."""
    layer, x, upstream = set_up(kind, 1, "forward", 6)
    state = tuple(
        torch.zeros(1, 1, 4, dtype=torch.float64, requires_grad=True) for _ in range(layer.state_parts)
    )
    kept, loss = [], torch.zeros((), dtype=torch.float64)
    for x_t, up in zip(x, upstream, strict=True):
        _, after = layer(x_t[None, None], state if len(state) == 2 else state[0])
        state = after if isinstance(after, tuple) else (after,)
        for part in state:
            part.retain_grad()
        kept.append(state[0])
        loss = loss + (state[0][0, 0] * up).sum()
    loss.backward()
    trace = trace_backward(layer, x, upstream)
    expected = [part.grad[0, 0].numpy() for part in kept]
    np.testing.assert_allclose(trace["grad_hidden"], expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_finite_differences_of_the_open_path(kind: type[Layer]) -> None:
    layer, x, upstream = set_up(kind, 2, "both", 5)
    trace = trace_backward(layer, x, upstream)
    weights = torch.from_numpy(upstream.numpy())

    def loss() -> float:
        return float((torch.from_numpy(layer.trace(x)["outputs"].copy()) * weights).sum())

    def difference(change: Callable[[float], None], step: float = 1e-5) -> float:
        change(step)
        up = loss()
        change(-2 * step)
        down = loss()
        change(step)
        return (up - down) / (2 * step)

    random = np.random.default_rng(0)
    with torch.no_grad():
        for name, parameter in [*layer.named_parameters(), ("inputs", x)]:
            at = tuple(int(random.integers(size)) for size in parameter.shape)

            def nudge(step: float, parameter: Tensor = parameter, at: tuple[int, ...] = at) -> None:
                parameter[at] += step

            assert trace[f"grad_{name}"][at] == pytest.approx(difference(nudge), abs=1e-8), name


def test_rows_stand_beside_those_of_the_forward_pass() -> None:
    layer, x, upstream = set_up(LSTM, 1, "forward", 5)
    upstream[:] = 0
    upstream[2] = 1
    trace = trace_backward(layer, x, upstream)
    assert (trace["grad_hidden"][3:] == 0).all()
    assert (trace["grad_hidden"][2] == 1).all()
    assert (trace["grad_hidden"][1] != 0).all()
    step = trace.step("grad_cell")
    assert step.source.symbol == "LSTM.steps_back"
    assert step.formula.startswith("∂L/∂cₜ = ∂L/∂hₜ ⊙ oₜ")


def test_gradients_that_do_not_fit_are_refused() -> None:
    layer, x, upstream = set_up(GRU, 1, "both", 5)
    with pytest.raises(ShapeError, match=r"\(5, 4\): expected \(5, 8\)"):
        trace_backward(layer, x, upstream[:, :4])
    with pytest.raises(ShapeError, match=r"\(0, 3\)"):
        trace_backward(layer, x[:0], upstream[:0])
    upstream[3, 1] = float("nan")
    with pytest.raises(DataError, match=r"gradients hold nan at \[3, 1\]"):
        trace_backward(layer, x, upstream)
