"""`cutaway finetune DATA --find-rate`: the loss over a growing rate, as a picture of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.finetune_settings import FinetuneSettings

WIDTH, HEIGHT = 60, 12


def find_rate(labelled: Labelled, model: str, settings: FinetuneSettings, *, json: bool) -> None:
    """Look for a learning rate and show what was found.

    Args:
        labelled: the rows to train on.
        model: the encoder.
        settings: of the training that is to follow.
        json: print the curve as JSON, not as a picture.
    """
    from cutaway.finetuning.rate_finder import suggest_rate

    with output.progress() as bars:
        task = bars.add_task("finding a rate", total=None, note="")

        def told(step: int, steps: int, rate: float, loss: float) -> None:
            bars.update(task, completed=step, total=steps, note=f"rate {rate:.1e}, loss {loss:.3f}")

        curve = suggest_rate(labelled, model=model, settings=settings, told=told)
    if json:
        output.print_json(curve.to_json())
        return
    console = output.console()
    for line in picture(curve.rates, curve.smoothed, marks={"s": curve.suggestion, "l": curve.lowest}):
        console.print(line, soft_wrap=True)
    console.print(
        f"s: --rate {curve.suggestion:.1e}, a tenth of l: {curve.lowest:.1e}, where the smoothed loss is "
        f"lowest ({min(curve.smoothed):.4f} nats); it falls fastest at {curve.steepest:.1e}",
        soft_wrap=True,
    )


def picture(rates: Sequence[float], losses: Sequence[float], *, marks: dict[str, float]) -> list[str]:
    """Draw losses over rates, the rates on a scale of powers of ten.

    Args:
        rates: growing, above 0.
        losses: of each rate.
        marks: letters to stand under the axis, and at which rate.

    Returns:
        Lines: the picture, the axis, the marks.
    """
    low, high = min(losses), max(losses)
    first, last = math.log10(rates[0]), math.log10(rates[-1])

    def column(rate: float) -> int:
        place = (math.log10(rate) - first) / max(last - first, 1e-12)
        return min(WIDTH - 1, max(0, round(place * (WIDTH - 1))))

    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for rate, loss in zip(rates, losses, strict=True):
        height = round((high - loss) / max(high - low, 1e-12) * (HEIGHT - 1))
        grid[height][column(rate)] = "•"
    lines = []
    for at, row in enumerate(grid):
        value = high - (high - low) * at / (HEIGHT - 1)
        lines.append(f"{value:8.3f} │{''.join(row)}".rstrip())
    lines.append(" " * 9 + "└" + "─" * WIDTH)
    ticks, letters = [" "] * (WIDTH + 6), [" "] * WIDTH
    for power in range(math.ceil(first), math.floor(last) + 1):
        at = column(10.0**power)
        ticks[at : at + 5] = f"1e{power:d}".ljust(5)
    for letter, rate in marks.items():
        letters[column(rate)] = letter
    return [*lines, " " * 10 + "".join(ticks).rstrip(), " " * 10 + "".join(letters).rstrip()]
