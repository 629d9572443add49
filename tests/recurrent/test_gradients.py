"""Measured gradients: equal to autograd's, drawn where they are, and refused where they make no sense."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from cutaway.cli.main import main
from cutaway.core.errors import ResourceError, UsageError
from cutaway.recurrent.attention_layer import AttentionLayer
from cutaway.recurrent.gradient_figure import bars, chart_of, lines_of, page_of
from cutaway.recurrent.gradients import (
    NETWORKS,
    GradientSettings,
    draw_sequences,
    make_network,
    measure_gradients,
)
from cutaway.recurrent.line_chart import HEIGHT, LABEL_GAP, LEFT, PANEL, TOP, Line, LineChart, Panel
from cutaway.recurrent.memory_tasks import MemoryTask

SMALL = GradientSettings(steps=12, units=8, radii=(0.5, 1.2), sequences=3)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_measured_lengths_equal_autograd_step_by_step(name: str) -> None:
    trace, (xs, vs) = measure_gradients(SMALL), draw_sequences(SMALL)
    for at, radius in enumerate(SMALL.radii):
        layer, logs = make_network(name, radius, SMALL), []
        for x, v in zip(xs, vs, strict=True):
            state, kept = None, []
            for x_t in x:
                _, state = layer(x_t[None, None], state)
                kept.append(state[0] if name == "LSTM" else state)
            logs.append(
                [g.norm().log().item() for g in torch.autograd.grad((kept[-1][0, 0] * v).sum(), kept)]
            )
        expected = np.exp(np.mean(logs, axis=0))[::-1]
        np.testing.assert_allclose(trace[name][at], expected, rtol=1e-8)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_each_recurrent_matrix_has_the_radius(name: str) -> None:
    layer = make_network(name, 1.3, SMALL)
    for block in layer.get_parameter("weight_hh_l0").detach().numpy().reshape(layer.blocks, 8, 8):
        assert abs(np.linalg.eigvals(block)).max() == pytest.approx(1.3)
    biases = layer.get_parameter("bias_ih_l0").detach().numpy().reshape(layer.blocks, 8)
    assert (biases[1:2] == 2).all()
    assert np.delete(biases, 1, axis=0).sum() == 0 if layer.blocks > 1 else (biases == 0).all()


def test_the_table_tells_the_mean_factor_of_a_step() -> None:
    trace = measure_gradients(SMALL)
    for name, label, factor, left in trace.table("fading").rows:
        line = trace[str(name)] if label is None else trace[str(name)][SMALL.radii.index(float(label))]
        assert float(str(factor)) ** 10 == pytest.approx(line[-1] / line[1])
        assert left == line[-1]
    assert [name for name, *_ in trace.table("fading").rows[::2]] == list(NETWORKS)


def test_attention_sees_the_past_and_not_the_future() -> None:
    torch.manual_seed(0)
    layer, x = AttentionLayer(3, 8, heads=2), torch.randn(1, 6, 3)
    before = layer(x)
    x[0, 3] += 1
    changed = (layer(x) != before)[0].any(dim=1)
    assert changed.tolist() == [False] * 3 + [True] * 3
    with pytest.raises(UsageError, match="not 6"):
        AttentionLayer(3, 6, heads=4)


def test_memory_tasks_ask_for_what_was_shown() -> None:
    random = torch.Generator().manual_seed(0)
    x, wanted = (task := MemoryTask(name="adding", distance=9)).batch(50, random)
    assert (x[:, :, 1].sum(dim=1) == 2).all()
    assert (x[:, :4, 1].sum(dim=1) == 1).all()
    torch.testing.assert_close(x.prod(dim=2).sum(dim=1), wanted)
    assert task.accuracy(wanted[:, None, None] + 0.03, wanted) == 1
    assert task.accuracy(wanted[:, None, None] + 0.05, wanted) == 0
    x, said = (task := MemoryTask(name="copy", distance=7, symbols=3, kinds=4)).batch(5, random)
    ids = x.argmax(dim=2)
    assert (ids[:, :3] == said).all()
    assert ids[0, 3:].tolist() == [4, 4, 4, 5, 4, 4, 4]
    right = torch.nn.functional.one_hot(said, 4).float()
    right[0, 0] = -right[0, 0]
    assert task.accuracy(right, said) == pytest.approx(14 / 15)
    with pytest.raises(UsageError, match="at least 4, not 3"):
        MemoryTask(name="copy", distance=3, symbols=3)


def test_lines_stand_where_their_values_are() -> None:
    lines = [Line(label="a", values=[1, 0.1, 0.01]), Line(label="b<", values=[1, 1e-5, 1e-9], style=1)]
    chart = LineChart(title="t & u", panels=[Panel(title="p", lines=lines)], across="x", up="y", floor=1e-4)
    root = ElementTree.fromstring(chart.to_svg())
    drawn = [line.attrib["points"] for line in root.iter(f"{SVG}polyline")]
    assert drawn[0] == f"{LEFT:.1f},{TOP:.1f} {LEFT + PANEL / 2:.1f},{TOP + HEIGHT / 4:.1f} " + (
        f"{LEFT + PANEL:.1f},{TOP + HEIGHT / 2:.1f}"
    )
    assert drawn[1].endswith(f" {LEFT + PANEL:.1f},{TOP + HEIGHT:.1f}"), (
        "what lies below the floor is drawn on it"
    )
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"≤ 10⁻⁴", "1", "t & u", "b<"} <= set(texts)
    assert [title.text for title in root.iter(f"{SVG}title")] == ["t & u", "p, a", "p, b<"]


def test_labels_never_touch_nor_leave_the_frame() -> None:
    lines = [Line(label=str(at), values=[1, value]) for at, value in enumerate([1e-6, 1e-6, 0.1, 0.1, 0.1])]
    chart = LineChart(title="", panels=[Panel(title="", lines=lines)], across="", up="")
    places = sorted(chart._places(lines))
    assert min(np.diff(places)) >= LABEL_GAP - 1e-9
    assert places[-1] <= TOP + HEIGHT + 4
    assert chart._places(lines)[2] == pytest.approx(TOP + HEIGHT / 6 + 4)
    with pytest.raises(UsageError, match="two points"):
        LineChart(title="", panels=[Panel(title="", lines=[Line(label="", values=[1])])], across="", up="")


def test_the_figure_holds_every_line() -> None:
    trace = measure_gradients(SMALL)
    lines = lines_of(trace)
    assert [(name, label) for name, label, _ in lines[:3]] == [("RNN", "0.5"), ("RNN", "1.2"), ("GRU", "0.5")]
    chart = chart_of(trace)
    assert [line.values for panel in chart.panels for line in panel.lines] == [
        row.tolist() for *_, row in lines
    ]
    assert chart.to_svg() in page_of(trace)
    assert bars(np.array([1, 1e-6, 1e-30])) == "█▅▁"


def test_gradients_from_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = ["--steps", "12", "--units", "8", "--radius", "0.5", "--radius", "1.2", "--sequences", "3"]
    out = tmp_path / "g.svg"
    assert main(["recurrent", "gradients", *small, "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    lines = lines_of(measure_gradients(SMALL))
    assert [(line["network"], line["radius"]) for line in told["lines"]] == [(a, b) for a, b, _ in lines]
    np.testing.assert_allclose(told["lines"][-1]["length"], lines[-1][2])
    assert out.read_text().startswith("<svg")
    assert main(["recurrent", "gradients", *small, "--out", str(tmp_path / "g.html")]) == 0
    assert "drawn:" in capsys.readouterr().out
    assert "<!doctype html>" in (tmp_path / "g.html").read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--steps", "2"], "3 to 2,000"),
        (["--units", "12"], "multiple of 8"),
        (["--radius", "nan"], "[nan]"),
        (["--gate-bias", "inf"], "finite number"),
        (["--sequences", "0"], "1 to 1,000"),
        (["--out", "g.pdf"], "'g.pdf'"),
    ],
)
def test_settings_that_make_no_sense_end_in_2(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recurrent", "gradients", *options]) == 2
    assert told in capsys.readouterr().err


def test_a_png_without_a_browser_names_another_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from cutaway.cli.picture import write_png

    monkeypatch.setenv("PATH", "")
    with pytest.raises(ResourceError, match=r"name the file g\.svg or g\.html"):
        write_png("<svg/>", tmp_path / "g.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.browser
def test_a_png_is_drawn_by_the_browser(tmp_path: Path) -> None:
    from cutaway.cli.picture import BROWSERS, write_png

    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("needs Chromium")
    chart = LineChart(
        title="t", panels=[Panel(title="p", lines=[Line(label="", values=[1, 2])])], across="", up=""
    )
    write_png(chart.to_svg(), tmp_path / "g.png")
    head = (tmp_path / "g.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(head[20:24], "big") == 2 * (TOP + HEIGHT + 52)
