"""RNN, GRU and LSTM: equal to torch's, their open path equal to the fast one and to the equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import recurrent as oracle
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import cutaway.recurrent.lstm as lstm_module
from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.core.trace import Recorder
from cutaway.recurrent import fused
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.ragged import pack, unpack
from cutaway.recurrent.recurrence import Directions
from cutaway.recurrent.rnn import RNN

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-10}
WAYS: tuple[Directions, ...] = ("forward", "both")
Layer = RNN | GRU | LSTM
KINDS: dict[type[Layer], type[torch.nn.RNNBase]] = {
    RNN: torch.nn.RNN,
    GRU: torch.nn.GRU,
    LSTM: torch.nn.LSTM,
}


@dataclass(frozen=True)
class Case:
    kind: type[Layer]
    layers: int
    directions: Directions
    hidden: int
    lengths: list[int]
    dtype: torch.dtype
    seed: int

    def pair(self) -> tuple[Layer, torch.nn.RNNBase]:
        torch.manual_seed(self.seed)
        ours = self.kind(3, self.hidden, layers=self.layers, directions=self.directions).to(self.dtype)
        both = self.directions == "both"
        theirs = KINDS[self.kind](3, self.hidden, self.layers, batch_first=True, bidirectional=both)
        theirs.to(self.dtype).load_state_dict(ours.state_dict())
        return ours, theirs

    def rows(self) -> list[Tensor]:
        torch.manual_seed(self.seed + 1)
        return [torch.randn(length, 3, dtype=self.dtype) for length in self.lengths]

    def state(self) -> tuple[Tensor, ...]:
        rows = self.layers * (1 + (self.directions == "both"))
        shape = (self.kind.state_parts, rows, len(self.lengths), self.hidden)
        return tuple(torch.randn(shape, dtype=self.dtype))


cases = st.builds(
    Case,
    kind=st.sampled_from(list(KINDS)),
    layers=st.integers(1, 3),
    directions=st.sampled_from(WAYS),
    hidden=st.integers(1, 6),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**16),
)


def run(module: torch.nn.Module, x: Any, start: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
    """States, packed ones as their data, and the parts of the final state."""
    states, final = module(x, start if len(start) == 2 else start[0])
    data = states.data if isinstance(states, PackedSequence) else states
    return data, list(final) if len(start) == 2 else [final]


def everything(module: torch.nn.Module, batch: Callable[[list[Tensor]], Any], case: Case) -> list[Tensor]:
    """Outputs, final states, and the gradients of parameters, input and initial state."""
    rows = [row.requires_grad_() for row in case.rows()]
    start = tuple(part.requires_grad_() for part in case.state())
    data, final = run(module, batch(rows), start)
    loss = data.sin().mean() + sum((part + at).cos().mean() for at, part in enumerate(final))
    loss.backward()  # type: ignore[no-untyped-call]
    found = [data, *final, *(p.grad for p in module.parameters())]
    return [*found, *(row.grad for row in rows), *(part.grad for part in start)]


def assert_equal(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=tolerance)


@settings(max_examples=90, deadline=None)
@given(cases, st.sampled_from([0.0, 500.0, 3000.0, fused.CALL]))
def test_a_packed_batch_and_its_gradients_equal_torch(case: Case, call: float) -> None:
    """Whether it is cut wherever a sequence ends, or hardly at all and padded."""
    ours, theirs = case.pair()
    with mock.patch.object(fused, "CALL", call):
        found = everything(ours, pack, case)
    assert_equal(found, everything(theirs, pack, case), TOLERANCE[case.dtype])


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
    states, _ = ours(pack(case.rows()))
    for row, together in zip(case.rows(), unpack(states), strict=True):
        assert_equal([together], [ours(row[None])[0][0]], TOLERANCE[case.dtype])


@settings(max_examples=60, deadline=None)
@given(cases)
def test_the_trace_equals_forward_from_any_state(case: Case) -> None:
    ours, _ = case.pair()
    start = case.state()
    _, final = run(ours, pack(case.rows()), start)
    for at, row in enumerate(case.rows()):
        alone = tuple(part[:, at] for part in start)
        fast, _ = run(ours, row[None], tuple(part[:, None] for part in alone))
        rec = Recorder("")
        traced, ended = ours.record(rec, row, alone)
        np.testing.assert_array_equal(rec.finish()["outputs"], traced.detach())
        assert_equal([traced, *ended], [fast[0], *(p[:, at] for p in final)], TOLERANCE[case.dtype])


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_goes_on_where_it_ended(kind: type[Layer]) -> None:
    torch.manual_seed(1)
    layer, x = kind(3, 4, layers=2).double(), torch.randn(6, 3, dtype=torch.float64)
    rec, state = Recorder(""), None
    for part in (x[:1], x[1:4], x[4:]):
        _, state = layer.record(rec, part, state)
    whole = layer.trace(x)
    for name, array in rec.finish().arrays.items():
        np.testing.assert_allclose(array.values, whole[name], atol=1e-12)


@pytest.mark.parametrize("suffix", ["", "_l0_reverse"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_trace_equals_the_equations(kind: type[Layer], suffix: str) -> None:
    torch.manual_seed(3)
    layer = kind(3, 4, directions="both").double()
    x = torch.randn(7, 3, dtype=torch.float64)
    ih, hh, b_ih, b_hh = (weight.tolist() for weight in layer.weights(suffix or "_l0"))
    read = x.flip(0) if suffix else x
    expected = oracle.RUNS[kind.__name__](read.tolist(), ih, hh, (b_ih, b_hh))
    trace = layer.trace(x)
    assert set(expected) == set(layer.equations)
    for name, values in expected.items():
        np.testing.assert_allclose(trace[name + suffix], values, atol=1e-12, rtol=0)
    assert trace.arrays[f"hidden{suffix}"].axes == ("step_reverse" if suffix else "position", "unit")


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
    expected = oracle.lstm(trace["hidden"].tolist(), ih, hh, (b_ih, b_hh))
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
@pytest.mark.parametrize("kind", KINDS)
def test_state_dicts_go_both_ways(kind: type[Layer], directions: Directions) -> None:
    ours = kind(3, 4, layers=2, directions=directions)
    theirs = KINDS[kind](3, 4, 2, batch_first=True, bidirectional=directions == "both")
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 3)
    assert_equal([ours(x)[0]], [theirs(x)[0]], 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_lies_between_layers_and_only_in_training(kind: type[Layer]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 40, layers=2, dropout=0.5)
    batch = pack([torch.randn(6, 3), torch.randn(4, 3)])
    still = layer.eval()(batch)[0].data
    assert torch.equal(still, layer(batch)[0].data)
    layer.train()
    first, second = layer(batch)[0].data, layer(batch)[0].data
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
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_not_finite_are_refused_everywhere(kind: type[Layer], bad: float) -> None:
    layer, x = kind(3, 4), torch.zeros(1, 5, 3)
    x[0, 2, 1] = bad
    for read in (lambda: layer(x), lambda: layer(pack(list(x))), lambda: layer.trace(x[0])):
        with pytest.raises(DataError, match=r"inputs hold (nan|inf)"):
            read()
    state = torch.full((1, 1, 4), bad)
    with pytest.raises(DataError, match="states hold"):
        run(layer, torch.zeros(1, 5, 3), (state,) * layer.state_parts)


def test_large_finite_numbers_are_read_though_their_sum_is_not_finite() -> None:
    x = torch.full((1, 4, 3), 3e38)
    assert torch.isfinite(RNN(3, 4)(x)[0]).all()


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
    with pytest.raises(ShapeError, match=r"\(2, 4\): expected \(1, 4\)"):
        GRU(3, 4).trace(torch.zeros(5, 3), torch.zeros(2, 4))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="0 hidden"):
        LSTM(3, 0)
    with pytest.raises(UsageError, match="sideways"):
        LSTM(3, 4, directions="sideways")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"1\.0"):
        LSTM(3, 4, dropout=1.0)
