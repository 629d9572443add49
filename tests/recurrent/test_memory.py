"""Lineage sums exactly to the state; a gate set by hand changes what the equations say, and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.recurrent.gru import GRU
from cutaway.recurrent.lineage import lineage
from cutaway.recurrent.lstm import LSTM
from cutaway.recurrent.recurrence import Recurrence
from cutaway.recurrent.rnn import RNN
from cutaway.recurrent.rows import Override
from cutaway.recurrent.what_if import what_if

STATES = {LSTM: "cell", GRU: "hidden"}


@settings(max_examples=40)
@given(st.sampled_from([LSTM, GRU]), st.integers(1, 40), st.integers(1, 2), st.floats(0.1, 5), st.booleans())
def test_the_writes_sum_to_the_state(
    kind: type[LSTM | GRU], steps: int, layers: int, scale: float, begun: bool
) -> None:
    torch.manual_seed(steps)
    layer, x = kind(3, 5, layers=layers, directions="both"), scale * torch.randn(steps, 3)
    start = tuple(torch.randn(2 * layers, 5) for _ in range(layer.state_parts)) if begun else None
    trace = layer.trace(x, start if start is None or len(start) == 2 else start[0])
    for row, suffix in enumerate(layer.suffixes):
        found = lineage(trace, suffix, None if start is None else start[-1][row].numpy())
        name = STATES[kind] + ("" if suffix == "_l0" else suffix)
        np.testing.assert_allclose(found["sums"], trace[name], atol=1e-5)
        assert float(str(found.facts["largest_error"])) < 1e-5


def test_each_write_is_the_product_of_its_gates() -> None:
    torch.manual_seed(2)
    x = torch.randn(6, 3, dtype=torch.float64)
    lstm, gru = LSTM(3, 4).double().trace(x), GRU(3, 4).double().trace(x)
    of_lstm, of_gru = lineage(lstm)["lineage"], lineage(gru)["lineage"]
    for t in range(6):
        for s in range(6):
            write = (
                lstm["input_gate"][s]
                * lstm["candidate"][s]
                * np.prod(lstm["forget_gate"][s + 1 : t + 1], axis=0)
            )
            np.testing.assert_allclose(of_lstm[t, s], write if s <= t else 0, atol=1e-15)
            write = (
                (1 - gru["update_gate"][s])
                * gru["candidate"][s]
                * np.prod(gru["update_gate"][s + 1 : t + 1], axis=0)
            )
            np.testing.assert_allclose(of_gru[t, s], write if s <= t else 0, atol=1e-15)


def test_shares_and_the_table_tell_the_heaviest_write() -> None:
    lstm, x = LSTM(2, 3), torch.zeros(6, 2)
    x[1] = 8.0
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        lstm.get_parameter("bias_ih_l0")[3:6] = 9.0  # the forget gate stands open
        lstm.get_parameter("weight_ih_l0")[6:9] = 1.0  # the candidate is what is read
    trace = lineage(lstm.trace(x))
    np.testing.assert_allclose(trace["shares"][1:].sum(axis=1), 1, atol=1e-12)
    assert trace["shares"][5, 1] == 1
    memory = trace.table("memory")
    assert memory.column("heaviest write")[1:] == [1] * 5
    assert memory.column("half of it within")[1:] == [1, 2, 3, 4, 5]


def test_a_lineage_that_cannot_be_is_refused() -> None:
    torch.manual_seed(0)
    trace = LSTM(2, 3).trace(torch.ones(4, 2), (torch.ones(1, 3), 9 * torch.ones(1, 3)))
    with pytest.raises(DataError, match="give the start"):
        lineage(trace)
    with pytest.raises(ShapeError, match=r"\(2,\): expected \(3,\)"):
        lineage(trace, start=np.ones(2))
    with pytest.raises(UsageError, match="no gates"):
        lineage(RNN(2, 3).trace(torch.ones(4, 2)))
    with pytest.raises(UsageError, match="_l1"):
        lineage(trace, "_l1")


@pytest.mark.parametrize(("kind", "gate"), [(LSTM, "forget_gate"), (GRU, "update_gate"), (RNN, "hidden")])
def test_a_gate_set_by_hand_changes_its_unit_now_and_the_others_later(
    kind: type[Recurrence], gate: str
) -> None:
    torch.manual_seed(1)
    layer = kind(3, 4)
    change = Override(gate=gate, step=2, unit=1, value=0.25)
    trace = what_if(layer, torch.randn(6, 3), [change])  # type: ignore[arg-type]
    assert trace[gate][2, 1] == np.float32(0.25)
    changed = trace["change_hidden"] != 0
    assert not changed[:2].any()
    assert changed[2].tolist() == [False, True, False, False]
    assert changed[3:].all()
    downstream = [row for row in trace.table("downstream").rows if row[0] == "hidden"]
    np.testing.assert_allclose(
        [row[2] for row in downstream], np.linalg.norm(trace["change_hidden"], axis=1), rtol=1e-6
    )
    assert downstream[2][3] == 1


def test_an_output_gate_closed_by_hand_hides_the_cell_and_leaves_it() -> None:
    torch.manual_seed(1)
    lstm, x = LSTM(3, 4, layers=2, directions="both"), torch.randn(5, 3)
    closed = [Override(gate="output_gate_l1_reverse", step=4, unit=u, value=0.0) for u in range(4)]
    trace = what_if(lstm, x, closed)
    assert (trace["hidden_l1_reverse"][4] == 0).all()
    assert (trace["change_cell_l1_reverse"] == 0).all()
    assert (trace["outputs"][0, 4:] == 0).all(), "the reverse direction's last step is the first position"
    assert (trace["change_hidden_l1"] == 0).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gate": "exit_gate"}, "no gate 'exit_gate': there are input_gate"),
        ({"gate": "cell"}, "no gate 'cell'"),
        ({"gate": "input_gate_l1"}, "input_gate_l1"),
        ({"step": 5}, "no step 5"),
        ({"unit": 4}, "unit 4"),
        ({"step": -1}, "count from 0"),
        ({"value": float("nan")}, "finite number, not nan"),
    ],
)
def test_an_override_that_fits_nothing_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        LSTM(3, 4).trace(
            torch.zeros(5, 3),
            overrides=[Override(**{"gate": "input_gate", "step": 0, "unit": 0, "value": 1.0, **change})],  # type: ignore[arg-type]
        )
    assert told in str(caught.value)
