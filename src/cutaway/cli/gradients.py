"""`cutaway recurrent gradients`: how much of a loss reaches back, measured and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.core.trace import Trace
    from cutaway.recurrent.gradients import GradientSettings

# The distances whose lengths the terminal tells.
SHOWN = (1, 10)


def gradients(
    steps: int = typer.Option(100, help="How long the sequences are."),
    units: int = typer.Option(64, help="Units of every network: a multiple of 8."),
    radius: list[float] = typer.Option(
        [0.5, 0.9, 1.0, 1.1, 1.5],
        help="Spectral radius of the recurrent weights; may come several times.",
    ),
    gate_bias: float = typer.Option(2.0, help="How far the forget and update gates start open; 0 is half."),
    sequences: int = typer.Option(8, help="Over how many random sequences the mean is taken."),
    seed: int = typer.Option(0, help="Of weights and sequences."),
    out: Path | None = typer.Option(None, help="Draw into this file: .svg, .html or .png."),
    json: bool = typer.Option(False, "--json", help="Print every length as JSON."),
) -> None:
    """Measure the gradient of a loss at every earlier state: RNN, GRU, LSTM and attention."""
    from cutaway.core.errors import UsageError
    from cutaway.recurrent.gradients import GradientSettings

    settings = GradientSettings(
        steps=steps, units=units, radii=tuple(radius), gate_bias=gate_bias, sequences=sequences, seed=seed
    )
    if out is not None and out.suffix.lower() not in (".svg", ".html", ".png"):
        raise UsageError(f"the figure can be .svg, .html or .png, not {out.name!r}")
    trace = _measured(settings)
    if out is not None:
        _draw(trace, out)
    if json:
        _print_json(trace, settings)
    else:
        _print(trace)
    if out is not None and not json:
        output.console().print(f"drawn: {out}", soft_wrap=True)


def _measured(settings: GradientSettings) -> Trace:
    """Measure with a bar on standard error."""
    from cutaway.recurrent.gradients import KINDS, measure_gradients

    with output.progress() as bars:
        task = bars.add_task("measuring", total=len(KINDS) * len(settings.radii) + 1, note="")
        return measure_gradients(settings, told=lambda name: bars.update(task, advance=1, note=name))


def _draw(trace: Trace, out: Path) -> None:
    from cutaway.cli.picture import write_png
    from cutaway.core.files import write_text
    from cutaway.recurrent.gradient_figure import chart_of, page_of

    if out.suffix.lower() == ".png":
        write_png(chart_of(trace).to_svg(), out)
    else:
        write_text(out, page_of(trace) if out.suffix.lower() == ".html" else chart_of(trace).to_svg())


def _print_json(trace: Trace, settings: GradientSettings) -> None:
    from dataclasses import asdict

    from cutaway.recurrent.gradient_figure import lines_of

    fading = trace.table("fading").column("factor a step")
    lines = [
        {"network": name, "radius": label, "factor_a_step": factor, "length": row.tolist()}
        for (name, label, row), factor in zip(lines_of(trace), fading, strict=True)
    ]
    output.print_json({"settings": asdict(settings), "lines": lines})


def _print(trace: Trace) -> None:
    from rich.table import Table

    from cutaway.core.render import number
    from cutaway.recurrent.gradient_figure import bars, lines_of

    lines = lines_of(trace)
    shown = [step for step in SHOWN if step < len(lines[0][2]) - 1] + [len(lines[0][2]) - 1]
    grid = Table("network", "radius", box=None, pad_edge=False)
    grid.add_column("further back →", no_wrap=True)
    for step in shown:
        grid.add_column(f"{step} back", justify="right")
    grid.add_column("a step", justify="right")
    fading = trace.table("fading").column("factor a step")
    for (name, label, row), factor in zip(lines, fading, strict=True):
        cells = [number(row[step]) for step in shown]
        grid.add_row(name, label, bars(row), *cells, f"× {number(factor)}")
    output.console().print(grid)
    output.console().print("‖∂L/∂h‖, L read off the last state; bars: logarithmic, 1 down to 10⁻¹²")
