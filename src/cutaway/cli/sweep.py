"""`cutaway finetune DATA --sweep ...`: many fine-tunings, the best of them, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.cli import output

if TYPE_CHECKING:
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.finetune_settings import FinetuneSettings
    from cutaway.finetuning.sweep import SweepResult
    from cutaway.training.history import Listener

SHOWN = 20


def run_sweep(
    labelled: Labelled,
    model: str,
    settings: FinetuneSettings,
    *,
    asked: tuple[Sequence[str], int],
    out: Path | None,
    json: bool,
) -> None:
    """Try settings and tell which were best.

    Args:
        labelled: the rows.
        model: the encoder.
        settings: what stays as it is.
        asked: what is varied, as it was typed, and how many trials.
        out: the sweep's folder; one that holds the same sweep goes on.
        json: print the result as JSON.

    Raises:
        StoppedError: a signal came; the same command goes on.
    """
    import time

    from cutaway.core.errors import StoppedError
    from cutaway.core.home import runs_home
    from cutaway.finetuning.sweep import SweepSettings, sweep
    from cutaway.finetuning.sweep_space import parse_space

    told, trials = asked
    plan = SweepSettings(space=parse_space(told, settings), trials=trials)
    folder = out or runs_home() / time.strftime("sweep-%Y%m%d-%H%M%S")
    try:
        with output.progress() as bars:
            watch = _Watch(bars, trials)
            result = sweep(labelled, model=model, settings=settings, plan=plan, folder=folder, watch=watch)
    except StoppedError as error:
        raise StoppedError(
            f"{error}: the same command with --out {folder} goes on with the sweep",
            signal_number=error.exit_code - 128,
        ) from None
    if json:
        output.print_json(result.to_json())
        return
    _tell(result)


class _Watch:
    """A bar of trials, and under it the training of the one that runs."""

    def __init__(self, bars: Any, trials: int) -> None:
        self._bars, self._trials = bars, trials
        self._last: int | None = None

    def __call__(self, number: int, values: Mapping[str, Any]) -> Listener:
        from cutaway.cli.progress import training_listener

        if self._last is not None:
            self._bars.remove_task(self._last)
        before = set(self._bars.task_ids)
        self._bars.console.print(f"trial {number}: {_values(values)}")
        listener = training_listener(self._bars, f"trial {number} of {self._trials}")
        self._last = next(iter(set(self._bars.task_ids) - before))
        return listener


def _tell(result: SweepResult) -> None:
    from rich.table import Table

    console = output.console()
    table = Table(box=None, pad_edge=False)
    names = sorted({name for trial in result.trials for name in trial.values})
    for name in ("trial", result.measured_by, "epochs", *names, "ended"):
        table.add_column(name, justify="left" if name == "ended" else "right")
    for trial in result.trials[:SHOWN]:
        measure = "" if trial.measure is None else f"{trial.measure:.4f}"
        values = [_value(trial.values.get(name, "")) for name in names]
        table.add_row(str(trial.number), measure, str(trial.epochs), *values, trial.state)
    console.print(table)
    if result.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in result.importance.items())
        console.print(f"importance: {shares}", soft_wrap=True)
    best = result.folder / result.best.run
    console.print(
        f'best: trial {result.best.number}, {_values(result.best.values)}  (cutaway predict {best} "TEXT")',
        soft_wrap=True,
    )


def _values(values: Mapping[str, Any]) -> str:
    return " ".join(f"--{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
