"""The charts of a run: losses with the over-fitting point, rate and gradients, reliability, ROC and PR."""

from __future__ import annotations

from collections.abc import Sequence

from cutaway.finetuning.measures.calibration import Bin
from cutaway.finetuning.measures.threshold import Curve
from cutaway.finetuning.runs.evidence import WINDOW, chance_loss, smoothed
from cutaway.finetuning.runs.overfitting import overfitting_point
from cutaway.finetuning.runs.plot import Plot
from cutaway.finetuning.runs.points import epoch_ends
from cutaway.training.history import History

SQUARE = 300


def loss_chart(history: History, classes: object = None) -> str:
    """Draw the training loss of each step, smoothed, and the held-out loss of each epoch.

    Args:
        history: with one step at least.
        classes: rows by class; the loss of knowing only their shares is drawn too.
    """
    losses = [step.loss for step in history.steps]
    ends = epoch_ends(history)
    held = [epoch.validation["loss"] for epoch in history.epochs]
    chance, point = chance_loss(classes), overfitting_point(history)
    highest = max([*sorted(losses)[: max(1, int(0.99 * len(losses)))], *held, chance or 0.0])
    plot = Plot(
        title="training and held-out loss",
        x=(0, len(losses)),
        y=(0, highest * 1.15),
        x_name="step",
        y_name="loss, nats: thin each step, thick mean of five, dots held out, dashed knowing no text",
        width=860,
        height=300,
    )
    if chance is not None:
        told = [(0.0, chance), (float(len(losses)), chance)]
        plot.line(told, "chance", f"knowing only the classes' shares: {chance:.4f}")
    plot.line(((at, loss) for at, loss in enumerate(losses, start=1)), "faint", "training loss, each step")
    mean = enumerate(smoothed(losses).tolist(), start=WINDOW)
    plot.line(((at, loss) for at, loss in mean), "training", "training loss, mean of five steps")
    plot.line(zip(map(float, ends), held, strict=True), "held", "held-out loss")
    for epoch, end, loss in zip(history.epochs, ends, held, strict=True):
        plot.dot(end, loss, "held", f"epoch {epoch.epoch}: held-out loss {loss:.4f}")
    if point:
        end = dict(zip((epoch.epoch for epoch in history.epochs), ends, strict=True))[point.epoch]
        plot.note(end, f"lowest {point.held_out:.4f}")
    return plot.svg()


def step_chart(history: History, name: str, unit: str) -> str:
    """Draw one value of each step.

    Args:
        history: with one step at least.
        name: of the value, as `Step` has it.
        unit: what stands at the axis.
    """
    values = [float(getattr(step, name)) for step in history.steps]
    plot = Plot(
        title=unit,
        x=(0, len(values)),
        y=(0, max(values) * 1.05 or 1.0),
        x_name="step",
        y_name=unit,
        width=424,
        height=170,
    )
    plot.line(((at, value) for at, value in enumerate(values, start=1)), "training", unit)
    return plot.svg()


def reliability_chart(bins: Sequence[Bin]) -> str:
    """Draw accuracy against confidence; on the diagonal a model is right as often as it says.

    Args:
        bins: of the reliability diagram.
    """
    plot = Plot(
        title="reliability: accuracy against confidence",
        x=(0, 1),
        y=(0, 1),
        x_name="confidence",
        y_name="accuracy",
        width=SQUARE,
        height=SQUARE,
    )
    for each in bins:
        if each.rows:
            told = f"{each.rows:,} answers, confidence {each.confidence:.1%}, accuracy {each.accuracy:.1%}"
            plot.bar((each.low, each.high), each.accuracy, "bar", told)
    plot.line([(0, 0), (1, 1)], "chance", "right as often as it says")
    for each in bins:
        if each.rows:
            plot.dot(each.confidence, each.accuracy, "held", f"mean confidence {each.confidence:.1%}")
    return plot.svg()


def curve_chart(curves: Sequence[tuple[str, Curve]], axes: tuple[str, str], title: str) -> str:
    """Draw ROC or precision-recall curves, one a class.

    Args:
        curves: by class.
        axes: the names of x and y.
        title: what there is to see.
    """
    plot = Plot(title=title, x=(0, 1), y=(0, 1), x_name=axes[0], y_name=axes[1], width=SQUARE, height=SQUARE)
    for name, curve in curves:
        points = zip(curve.x.tolist(), curve.y.tolist(), strict=True)
        plot.line(points, "training", f"{name}: area {curve.area:.4f}")
    return plot.svg()
