"""`cutaway finetune DATA --baseline NAMES`: what a fine-tuning must beat, in a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.baselines.compare import Comparison
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.finetune_settings import FinetuneSettings


def compare_baselines(
    labelled: Labelled, asked: str, model: str, settings: FinetuneSettings, *, json: bool
) -> None:
    """Train the baselines on the rows that a fine-tuning would train on, score them on those it holds out.

    Args:
        labelled: all rows.
        asked: names of baselines, or "all".
        model: the encoder of the frozen one.
        settings: tell which rows are held out.
        json: print JSON.
    """
    from cutaway.finetuning.baselines.compare import baselines, best_of, compare
    from cutaway.finetuning.data import split_rows

    chosen = baselines(asked, model=model)
    count = settings.held_out if settings.held_out >= 1 else max(1, settings.held_out * len(labelled))
    training, held = split_rows(labelled.labels, held_out=round(count), seed=settings.loop.seed)
    with output.progress() as bars:
        task = bars.add_task("baselines", total=len(chosen), note="")
        names = list(chosen)

        def told(name: str) -> None:
            bars.update(task, completed=names.index(name), note=chosen[name].title)

        found = compare(chosen, labelled.pick(training), labelled.pick(held), told=told)
        bars.update(task, completed=len(names), note="")
    best = best_of(found)
    if json:
        rows = [asdict(one) for one in found]
        output.print_json(
            {"data": labelled.source, "training": len(training), "held_out": len(held), "best": best.name}
            | {"baselines": rows}
        )
        return
    _print_table(found, best, held=len(held), training=len(training))


def _print_table(found: list[Comparison], best: Comparison, *, held: int, training: int) -> None:
    from rich.table import Table

    table = Table(title=f"Baselines: {training:,} rows to train on, {held:,} held out", title_justify="left")
    table.add_column("baseline")
    for name in ("accuracy", "95 % interval", "training", "scoring", "size"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            one.title,
            f"{one.accuracy:.2%}",
            f"{one.low:.2%} to {one.high:.2%}",
            f"{one.training_seconds:.1f} s",
            f"{one.scoring_seconds:.1f} s",
            _bytes(one.size),
            style="bold" if one is best else "",
        )
    output.console().print(table)
    output.console().print(
        f"A fine-tuning is worth its cost if it is right on clearly more than {best.accuracy:.2%} of these "
        f"rows: up to {best.high:.2%} may be luck.",
        soft_wrap=True,
    )


def _bytes(size: int) -> str:
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
