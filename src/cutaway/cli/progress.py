"""A training on a progress bar: speed and loss at each step, held-out measures after each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.training.loop import Step

if TYPE_CHECKING:
    from rich.progress import Progress

    from cutaway.training.loop import Epoch, Listener


def training_listener(bars: Progress, name: str) -> Listener:
    """Return a listener for `training.loop.fit` that draws on a progress display.

    Args:
        bars: from `output.progress()`, on standard error.
        name: what stands before the bar.
    """
    task = bars.add_task(name, total=None, note="")
    examples, seconds = 0, 0.0

    def listen(event: Step | Epoch, steps: int | None) -> None:
        nonlocal examples, seconds
        if isinstance(event, Step):
            examples += event.examples
            seconds += event.seconds
            note = f"loss {event.loss:.3f}, {examples / seconds:.1f} texts/s"
            bars.update(task, completed=event.step, total=steps, note=note)
            return
        v = event.validation
        bars.console.print(
            f"epoch {event.epoch}: training loss {event.training_loss:.4f}, held-out loss "
            f"{v['loss']:.4f}, accuracy {v['accuracy']:.2%}{'  (best)' if event.best else ''}"
        )

    return listen
