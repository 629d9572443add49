"""A trace keeps what was computed, where, and gives it out three ways."""

from __future__ import annotations

import base64
import inspect
import json

import numpy as np
import pytest
import torch

from cutaway.core.errors import ShapeError, UnknownNameError
from cutaway.core.render import number
from cutaway.core.trace import Recorder, Trace


def small() -> Trace:
    rec = Recorder("a <b>bold</b> mean")
    x = rec.keep("x", np.array([[1.0, 3.0], [5.0, -7.0]]), axes=("row", "column"), formula="given")
    rec.keep("mean", x.mean(), axes=(), formula="Σ x / n", inputs=("x",))
    rec.table("words", ("word", "count"), [("<i>", 1), ("b", 2)], formula="counted")
    rec.label("row", ["first", "[red]second[/red]"])
    rec.fact("probability", 0.25)
    return rec.finish()


def test_keep_hands_the_value_back_and_notes_the_line_that_computed_it() -> None:
    rec = Recorder("t")
    value = np.arange(3)
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    returned = rec.keep("x", value, axes=("i",), formula="0, 1, 2")
    step = rec.finish().step("x")
    assert returned is value
    assert (step.source.line, step.source.symbol) == (
        line,
        test_keep_hands_the_value_back_and_notes_the_line_that_computed_it.__name__,
    )
    assert step.source.file == "test_trace.py"


def test_what_a_trace_holds_does_not_change_with_the_source_array() -> None:
    rec = Recorder("t")
    value = np.zeros(2)
    rec.keep("x", value, axes=("i",), formula="zeros")
    value[0] = 9
    trace = rec.finish()
    assert trace["x"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        trace["x"][0] = 1


def test_rows_of_a_loop_become_one_array_with_one_step() -> None:
    rec = Recorder("t")
    for t in range(3):
        rec.keep_row("h", np.full(2, t), axes=("step", "unit"), formula="hₜ = t")
    trace = rec.finish()
    assert trace["h"].tolist() == [[0, 0], [1, 1], [2, 2]]
    assert [step.output for step in trace.steps] == ["h"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_torch_tensors_keep_their_values_and_precision(dtype: torch.dtype) -> None:
    rec = Recorder("t")
    tensor = torch.tensor([1, 0, 1]).to(dtype) / (3 if dtype.is_floating_point else 1)
    rec.keep("x", tensor.to(dtype), axes=("i",), formula="given")
    kept = rec.finish()["x"]
    assert kept.tolist() == tensor.to(dtype).tolist()
    assert kept.dtype == {torch.float64: np.float64, torch.int64: np.int64, torch.bool: np.bool_}.get(
        dtype, np.float32
    )


def test_wrong_number_of_axes_is_an_error_with_the_shape() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\).*2 axis names"):
        Recorder("t").keep("x", np.zeros(2), axes=("i", "j"), formula="?")


def test_unknown_names_are_told_with_what_there_is() -> None:
    trace = small()
    for ask in (
        lambda: trace["y"],
        lambda: trace.table("y"),
        lambda: trace.step("y"),
        lambda: trace.table("words").column("z"),
    ):
        with pytest.raises(UnknownNameError):
            ask()


def test_json_holds_arrays_as_little_endian_base64() -> None:
    read = json.loads(json.dumps(small().to_json()))
    x = read["arrays"]["x"]
    raw = np.frombuffer(base64.b64decode(x["base64"]), dtype="<f8").reshape(x["shape"])
    assert raw.tolist() == [[1, 3], [5, -7]]
    assert (x["axes"], x["dtype"]) == (["row", "column"], "float64")
    assert read["tables"]["words"]["rows"] == [["<i>", 1], ["b", 2]]
    assert read["facts"] == {"probability": 0.25}
    assert read["steps"][1]["inputs"] == ["x"]


def test_html_shows_markup_as_text() -> None:
    page = small()._repr_html_()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "a &lt;b&gt;bold&lt;/b&gt; mean" in page
    assert "−7" in page


def test_terminal_shows_markup_as_text() -> None:
    from rich.console import Console

    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(small())
        shown = console.export_text()
    assert "[red]second[/red]" in shown
    assert "1.00  3.00" in shown


def test_include_takes_over_everything() -> None:
    rec = Recorder("outer")
    rec.include(small())
    rec.keep("twice", np.array(2.0), axes=(), formula="2")
    trace = rec.finish()
    assert [step.output for step in trace.steps] == ["x", "mean", "words", "twice"]
    assert trace.labels["row"][0] == "first"
    assert trace.facts == {"probability": 0.25}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.500"),
        (-0.12345, "−0.123"),
        (1234567.0, "1.23e+06"),
        (3, "3"),
        (-3, "−3"),
        (True, "True"),
        (0.0, "0.00"),
    ],
)
def test_numbers_show_three_digits_and_a_true_minus(value: float, shown: str) -> None:
    assert number(value) == shown
