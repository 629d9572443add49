"""A training on a progress bar: speed and loss at each step, held-out measures after each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.training.loop import Step

if TYPE_CHECKING:
    from rich.progress import Progress

    from cutaway.training.loop import Epoch, Listener


def training_listener(bars: Progress, name: str, unit: str = "texts") -> Listener:
    """Return a listener for `training.loop.fit` that draws on a progress display.

    Args:
        bars: from `output.progress()`, on standard error.
        name: what stands before the bar.
        unit: what the examples of a step are.
    """
    task = bars.add_task(name, total=None, note="")
    examples, seconds = 0, 0.0

    def listen(event: Step | Epoch, steps: int | None) -> None:
        nonlocal examples, seconds
        if isinstance(event, Step):
            examples += event.examples
            seconds += event.seconds
            note = f"loss {event.loss:.3f}, {examples / seconds:,.1f} {unit}/s"
            bars.update(task, completed=event.step, total=steps, note=note)
            return
        v = event.validation
        accuracy = f", accuracy {v['accuracy']:.2%}" if "accuracy" in v else ""
        bars.console.print(
            f"epoch {event.epoch}: training loss {event.training_loss:.4f}, held-out loss "
            f"{v['loss']:.4f}{accuracy}{'  (best)' if event.best else ''}"
        )

    return listen
