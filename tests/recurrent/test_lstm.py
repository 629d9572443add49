"""The LSTM: equal to torch's, its open path equal to its fast one and to the equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import lstm as oracle
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import cutaway.recurrent.lstm as lstm_module
from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.ragged import pack, unpack
from cutaway.recurrent.recurrence import Directions

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}
WAYS: tuple[Directions, ...] = ("forward", "both")


@dataclass(frozen=True)
class Case:
    layers: int
    directions: Directions
    hidden: int
    lengths: list[int]
    dtype: torch.dtype
    seed: int

    def pair(self) -> tuple[LSTM, torch.nn.LSTM]:
        torch.manual_seed(self.seed)
        ours = LSTM(3, self.hidden, layers=self.layers, directions=self.directions).to(self.dtype)
        theirs = torch.nn.LSTM(
            3, self.hidden, self.layers, batch_first=True, bidirectional=self.directions == "both"
        ).to(self.dtype)
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    def rows(self) -> list[Tensor]:
        torch.manual_seed(self.seed + 1)
        return [torch.randn(length, 3, dtype=self.dtype) for length in self.lengths]

    def state(self) -> tuple[Tensor, Tensor]:
        rows = self.layers * (1 + (self.directions == "both"))
        h, c = torch.randn(2, rows, len(self.lengths), self.hidden, dtype=self.dtype)
        return h, c


cases = st.builds(
    Case,
    layers=st.integers(1, 3),
    directions=st.sampled_from(WAYS),
    hidden=st.integers(1, 6),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**16),
)


def everything(module: torch.nn.Module, batch: Callable[[list[Tensor]], Any], case: Case) -> list[Tensor]:
    """Outputs, final states, and the gradients of parameters, input and initial state."""
    rows = [row.requires_grad_() for row in case.rows()]
    start = tuple(part.requires_grad_() for part in case.state())
    states, (h, c) = module(batch(rows), start)
    data = states.data if isinstance(states, PackedSequence) else states
    (data.sin().mean() + h.cos().mean() + c.square().mean()).backward()  # type: ignore[no-untyped-call]
    found = [data, h, c, *(p.grad for p in module.parameters())]
    return [*found, *(row.grad for row in rows), *(part.grad for part in start)]


def assert_equal(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=tolerance)


@settings(max_examples=60, deadline=None)
@given(cases)
def test_a_packed_batch_and_its_gradients_equal_torch(case: Case) -> None:
    ours, theirs = case.pair()
    assert_equal(everything(ours, pack, case), everything(theirs, pack, case), TOLERANCE[case.dtype])


@settings(max_examples=30, deadline=None)
@given(cases)
def test_a_full_batch_and_its_gradients_equal_torch(case: Case) -> None:
    case = Case(**{**case.__dict__, "lengths": [case.lengths[0]] * len(case.lengths)})
    ours, theirs = case.pair()
    assert_equal(
        everything(ours, torch.stack, case), everything(theirs, torch.stack, case), TOLERANCE[case.dtype]
    )


@settings(max_examples=40, deadline=None)
@given(cases)
def test_a_packed_batch_equals_one_by_one(case: Case) -> None:
    ours, _ = case.pair()
    states, (h, c) = ours(pack(case.rows()))
    for at, row in enumerate(case.rows()):
        alone, (h_alone, c_alone) = ours(row[None])
        tolerance = TOLERANCE[case.dtype]
        assert_equal(
            [unpack(states)[at], h[:, at], c[:, at]], [alone[0], h_alone[:, 0], c_alone[:, 0]], tolerance
        )


@settings(max_examples=40, deadline=None)
@given(cases)
def test_the_trace_equals_forward(case: Case) -> None:
    ours, _ = case.pair()
    for row in case.rows():
        fast, _ = ours(row[None])
        traced = torch.from_numpy(ours.trace(row)["outputs"].copy())
        assert_equal([traced], [fast[0]], TOLERANCE[case.dtype])


@pytest.mark.parametrize("suffix", ["", "_l0_reverse"])
def test_the_trace_equals_the_equations(suffix: str) -> None:
    torch.manual_seed(3)
    lstm = LSTM(3, 4, directions="both").double()
    x = torch.randn(7, 3, dtype=torch.float64)
    ih, hh, b_ih, b_hh = (weight.tolist() for weight in lstm.weights(suffix or "_l0"))
    read = x.flip(0) if suffix else x
    expected = oracle.run(read.tolist(), ih, hh, (b_ih, b_hh))
    trace = lstm.trace(x)
    for name, values in expected.items():
        np.testing.assert_allclose(trace[name + suffix], values, atol=1e-12, rtol=0)
    assert trace.arrays[f"cell{suffix}"].axes == ("step_reverse" if suffix else "position", "unit")


def test_a_long_float32_sequence_stays_within_a_millionth() -> None:
    torch.manual_seed(0)
    lstm, x = LSTM(50, 96), torch.randn(400, 50)
    fast, _ = lstm(x[None])
    np.testing.assert_allclose(lstm.trace(x)["outputs"], fast[0].detach(), atol=1e-6, rtol=0)


def test_a_second_layer_reads_the_states_of_the_first() -> None:
    torch.manual_seed(5)
    lstm = LSTM(3, 4, layers=2)
    trace = lstm.trace(torch.randn(5, 3))
    ih, hh, b_ih, b_hh = (weight.tolist() for weight in lstm.weights("_l1"))
    expected = oracle.run(trace["hidden"].tolist(), ih, hh, (b_ih, b_hh))
    np.testing.assert_allclose(trace["cell_l1"], expected["cell"], atol=1e-6)
    assert trace.step("forget_gate_l1").inputs == ("hidden", "hidden_l1")


def test_a_step_of_the_trace_names_its_equation_and_line() -> None:
    step = LSTM(3, 4).trace(torch.zeros(2, 3)).step("cell")
    assert step.formula == "cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ"
    assert step.inputs == ("forget_gate", "cell", "input_gate", "candidate")
    assert (step.source.file, step.source.symbol) == ("cutaway/recurrent/lstm.py", "LSTM._steps")
    lines = Path(lstm_module.__file__).read_text().splitlines()
    assert "f * c + i * g" in "".join(lines[step.source.line - 1 : step.source.line + 2])


@pytest.mark.parametrize("directions", WAYS)
def test_state_dicts_go_both_ways(directions: Directions) -> None:
    ours = LSTM(3, 4, layers=2, directions=directions)
    theirs = torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=directions == "both")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 5, 3)
    assert_equal([ours(x)[0]], [theirs(x)[0]], 0.0)


def test_dropout_lies_between_layers_and_only_in_training() -> None:
    torch.manual_seed(0)
    lstm = LSTM(3, 40, layers=2, dropout=0.5)
    batch = pack([torch.randn(6, 3), torch.randn(4, 3)])
    still = lstm.eval()(batch)[0].data
    assert torch.equal(still, lstm(batch)[0].data)
    lstm.train()
    first, second = lstm(batch)[0].data, lstm(batch)[0].data
    assert not torch.allclose(first, second)
    assert (first != 0).all(), "the last layer's states are not dropped"


def test_weights_start_within_the_bounds_that_torch_uses() -> None:
    torch.manual_seed(0)
    values = torch.cat([p.detach().flatten() for p in LSTM(20, 25).parameters()])
    assert values.abs().max() <= 1 / 5
    assert values.abs().max() > 0.19
    assert abs(float(values.std()) - 0.2 / 3**0.5) < 0.003


@pytest.mark.parametrize(
    ("shape", "told"),
    [((0, 5, 3), "(0, 5, 3)"), ((2, 0, 3), "(2, 0, 3)"), ((2, 5, 4), "(2, 5, 4)"), ((5, 3), "(5, 3)")],
)
def test_input_of_another_shape_is_refused(shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(ShapeError) as caught:
        LSTM(3, 4)(torch.zeros(shape))
    assert told in str(caught.value)


def test_the_trace_refuses_no_step() -> None:
    with pytest.raises(ShapeError, match=r"\(0, 3\)"):
        LSTM(3, 4).trace(torch.zeros(0, 3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_everywhere(bad: float) -> None:
    lstm, x = LSTM(3, 4), torch.zeros(1, 5, 3)
    x[0, 2, 1] = bad
    for read in (lambda: lstm(x), lambda: lstm(pack(list(x))), lambda: lstm.trace(x[0])):
        with pytest.raises(DataError, match=r"inputs hold (nan|inf)"):
            read()


def test_a_batch_without_rows_or_with_an_empty_row_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least one sequence"):
        pack([])
    with pytest.raises(ShapeError, match="sequence 1 of 2 has length 0"):
        pack([torch.zeros(2, 3), torch.zeros(0, 3)])
    with pytest.raises(ShapeError, match=r"sequence 1 has shape \(2, 4\)"):
        pack([torch.zeros(2, 3), torch.zeros(2, 4)])


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = (torch.zeros(1, 2, 4), torch.zeros(1, 3, 4))
    with pytest.raises(ShapeError, match=r"\(1, 3, 4\): expected \(1, 2, 4\)"):
        LSTM(3, 4)(torch.zeros(2, 5, 3), state)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="0 hidden"):
        LSTM(3, 0)
    with pytest.raises(UsageError, match="sideways"):
        LSTM(3, 4, directions="sideways")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"1\.0"):
        LSTM(3, 4, dropout=1.0)
