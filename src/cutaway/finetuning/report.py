"""The report of a run: curves as a table, the confusion matrix, the most confident mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cutaway.core.files import write_text
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.metrics import confusion
from cutaway.finetuning.run import Run

SHOWN_MISTAKES = 10
SHOWN_CHARACTERS = 160


def write_report(
    run: Run, held: Labelled, probabilities: NDArray[np.float32], labels: tuple[str, ...]
) -> None:
    """Write report.md into the run folder.

    Args:
        run: the finished run.
        held: the held-out texts.
        probabilities: (B, C) float, the best epoch's answers to them.
        labels: the C classes.
    """
    truth = np.array([labels.index(label) for label in held.labels], dtype=np.int64)
    best = run.history.best
    lines = [f"# Run {run.folder.name}", ""]
    lines += [f"Data: {held.source}; {len(held)} rows held out. Best epoch: {best.epoch}.", ""]
    lines += ["## Curves", "", "| epoch | training loss | held-out loss | accuracy | calibration error | |"]
    lines += ["|---|---|---|---|---|---|"]
    for epoch in run.history.epochs:
        v = epoch.validation
        mark = "best" if epoch is best else _verdict(epoch.validation["loss"], best.validation["loss"])
        lines.append(
            f"| {epoch.epoch} | {epoch.training_loss:.4f} | {v['loss']:.4f} | {v['accuracy']:.2%} "
            f"| {v['calibration_error']:.4f} | {mark} |"
        )
    lines += ["", "## Confusion", "", "| truth \\ answer | " + " | ".join(labels) + " |"]
    lines += ["|---" * (len(labels) + 1) + "|"]
    for name, counts in zip(labels, confusion(probabilities, truth), strict=True):
        lines.append(f"| {name} | " + " | ".join(str(count) for count in counts) + " |")
    lines += ["", "## Most confident mistakes", "", *_mistakes(held, probabilities, truth, labels), ""]
    write_text(run.folder / "report.md", "\n".join(lines))


def _verdict(loss: float, best: float) -> str:
    return "" if loss <= best else f"+{loss - best:.4f} over the best"


def _mistakes(
    held: Labelled, probabilities: NDArray[np.float32], truth: NDArray[np.int64], labels: tuple[str, ...]
) -> list[str]:
    wrong = np.flatnonzero(probabilities.argmax(1) != truth)
    worst = wrong[np.argsort(-probabilities[wrong].max(1))][:SHOWN_MISTAKES]
    if not len(worst):
        return ["None."]
    return [
        f"- {labels[truth[at]]}, answered {labels[probabilities[at].argmax()]} "
        f"({probabilities[at].max():.3f}): {_start(held.texts[at])}"
        for at in worst
    ]


def _start(text: str) -> str:
    """The first characters, on one line, as inert code: a review may hold markup."""
    line = " ".join(text.split()).replace("`", "'")
    return f"`{line[:SHOWN_CHARACTERS]}`" + ("…" if len(line) > SHOWN_CHARACTERS else "")
