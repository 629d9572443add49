"""A run's curves on disk: a line of JSON a step as it is taken, and the epochs as they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.core.files import write_text
from cutaway.training.history import Epoch, History, Listener, Step

STEPS = "steps.jsonl"
HISTORY = "history.json"


@contextmanager
def kept_curves(folder: Path, listen: Listener | None) -> Iterator[Listener]:
    """Yield a listener that leaves each step and epoch on disk as it happens, and tells another.

    A training that goes on from a checkpoint tells again what came after it: the later line counts.

    Args:
        folder: the run's.
        listen: told too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    epochs: list[dict[str, Any]] = []
    if (folder / STEPS).exists():
        before = read_history(folder)
        epochs = [asdict(epoch) for epoch in before.epochs]
        # Written anew, without a line that a kill left half.
        write_text(folder / STEPS, "".join(map(_line, before.steps)))
    with (folder / STEPS).open("a", encoding="utf-8") as lines:

        def told(event: Step | Epoch, steps: int | None) -> None:
            if isinstance(event, Step):
                lines.write(_line(event))
                lines.flush()
            else:
                epochs[event.epoch - 1 :] = [asdict(event)]
                write_text(folder / HISTORY, json.dumps({"epochs": epochs}, indent=1) + "\n")
            if listen:
                listen(event, steps)

        yield told


def write_history(folder: Path, history: History) -> None:
    """Write the whole history of a training that is over.

    Args:
        folder: the run's.
        history: every step and epoch.
    """
    write_text(folder / HISTORY, json.dumps(history.to_json(), indent=1) + "\n")


def read_history(folder: Path) -> History:
    """Return a run's steps and epochs, of a training that still runs or was killed too.

    Args:
        folder: the run's.

    Returns:
        What is there.

    Raises:
        MissingFileError: the folder has no curves.
        FormatError: a file is damaged.
    """
    path = folder / HISTORY
    if not path.is_file() and not (folder / STEPS).is_file():
        raise MissingFileError(f"{folder} has no curves: neither {HISTORY} nor {STEPS}")
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"epochs": []}
        steps = told.get("steps") or _steps(folder / STEPS)
        return History.from_json({"steps": steps, "epochs": told["epochs"]})
    except (ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"the curves in {folder} are damaged: {error}") from error


def _line(step: Step) -> str:
    return json.dumps(asdict(step)) + "\n"


def _steps(path: Path) -> list[dict[str, Any]]:
    """The steps of a training that did not write its whole history; a torn last line is left out."""
    steps: list[dict[str, Any]] = []
    if not path.is_file():
        return steps
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        step = json.loads(line)
        steps[step["step"] - 1 :] = [step]
    return steps
