"""`cutaway runs`: what was trained, with which settings, and what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cutaway.cli import output
from cutaway.cli.runs_compare import diff, explain
from cutaway.cli.runs_export import export, report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cutaway.finetuning.runs.record import RunRecord
    from cutaway.training.history import History

app = typer.Typer(no_args_is_help=True, help="Trainings: list, read, compare, explain, export, delete.")
app.command()(diff)
app.command()(explain)
app.command()(report)
app.command()(export)

SHORT = 6  # digits of an id that are shown: enough to name a run by

RUN = typer.Argument(help="A run's name, its id or the first digits of it, or its folder.")


@app.command("list")
def list_runs(
    kind: str | None = typer.Option(None, help="finetune, pretrain, lstm, language, vectors, translator."),
    status: str | None = typer.Option(None, help="running, finished, interrupted, failed or diverged."),
    data: str | None = typer.Option(None, help="A part of the data's name, or first digits of its sha256."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the runs, the newest first."""
    from cutaway.finetuning.runs.store import RunFilter, Store

    store = Store.open()
    records = store.list(RunFilter(kind=kind, status=status, data=data))
    if json:
        output.print_json([{**record.to_json(), "place": record.place} for record in records])
        return
    if not records:
        output.console().print(f"no such runs in {store.place}", soft_wrap=True)
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for name in ("run", "id", "kind", "status", "held out", "started"):
        grid.add_column(name, no_wrap=True)
    grid.add_column("data", overflow="fold")
    for record in records:
        place = {"here": "", "gone": ", folder gone", "elsewhere": f", on {record.environment.get('host')}"}
        cells = (
            record.name, record.id[:SHORT], record.kind, record.status + place[record.place],
            headline(record.measures), record.started[:10], str(record.data.get("source", "")),
        )  # fmt: skip
        grid.add_row(*map(Text, cells))
    output.console().print(grid)


@app.command()
def show(run: str = RUN, json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Show one run: settings, data, curves, and every measure of its answers."""
    from cutaway.core.errors import MissingFileError
    from cutaway.finetuning.measures.all_measures import measure_all
    from cutaway.finetuning.runs.curves import read_history
    from cutaway.finetuning.runs.predictions import read_answers
    from cutaway.finetuning.runs.store import Store

    record = Store.open().find(run)
    history, measures, missing = None, None, ""
    try:
        history = read_history(record.folder)
        measures = measure_all(read_answers(record.folder))
    except MissingFileError as error:
        missing = str(error) if record.place == "here" else f"the folder {record.folder} is {record.place}"
    if json:
        told: dict[str, Any] = {**record.to_json(), "place": record.place}
        told["epochs"] = history.to_json()["epochs"] if history else None
        told["held_out"] = measures.to_json() if measures else None
        output.print_json(told)
        return
    console = output.console()
    for name, value in _facts(record):
        console.print(f"{name:<12} {value}", soft_wrap=True)
    if history and history.epochs:
        console.print(_epochs(history))
    if missing:
        console.print(missing, soft_wrap=True)
    if measures:
        from cutaway.cli.runs_measures import tell_measures

        tell_measures(measures)


@app.command()
def delete(
    runs: list[str] = typer.Argument(help="Names, ids or folders."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Delete runs: their records, and the files that the trainings wrote."""
    from cutaway.finetuning.runs.removing import delete_run
    from cutaway.finetuning.runs.store import Store

    store = Store.open()
    found = [store.find(run) for run in runs]
    if not yes:
        names = ", ".join(f"{record.name} ({record.folder})" for record in found)
        typer.confirm(f"delete {names}?", abort=True, err=True)
    told = [{"run": record.name, "id": record.id, "left": delete_run(store, record)} for record in found]
    if json:
        output.print_json(told)
        return
    for each, record in zip(told, found, strict=True):
        left = f"; {record.folder} still holds {', '.join(each['left'])}" if each["left"] else ""
        output.console().print(f"deleted {each['run']}{left}", soft_wrap=True)


@app.command()
def restore(
    folders: list[Path] | None = typer.Argument(None, help="Folders of runs; by default where runs are."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Put the runs that lie in folders into the store: after a move, or when the store was lost."""
    from cutaway.core.home import runs_home
    from cutaway.finetuning.runs.restoring import restore as put_back
    from cutaway.finetuning.runs.store import Store

    store = Store.open()
    found, damaged = put_back(store, folders or [runs_home()])
    for line in damaged:
        output.warn(line)
    if json:
        output.print_json(
            {"store": store.place, "runs": [record.name for record in found], "damaged": damaged}
        )
        return
    output.console().print(f"{len(found)} runs are in {store.place}", soft_wrap=True)


def headline(measures: Any) -> str:
    """Return the measure that people ask for first.

    Args:
        measures: a record's.
    """
    if "accuracy" in measures:
        return f"{measures['accuracy']:.2%}"
    return f"loss {measures['loss']:.4f}" if "loss" in measures else ""


def duration(seconds: float | None) -> str:
    """Return seconds as people say them.

    Args:
        seconds: None for a training that still runs.

    Example:
        >>> duration(7.4), duration(754), duration(8000)
        ('7 s', '12:34 min', '2:13 h')
    """
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60}:{whole % 60:02} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02} h"
    )


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    from cutaway.finetuning.runs.labelled_plan import LEAK_LISTS
    from cutaway.finetuning.runs.settings import flat

    environment, data = record.environment, dict(record.data)
    names = ("python", "torch", "numpy", "cpu", "threads")
    took = f", took {duration(record.seconds)}" if record.seconds is not None else ""
    source, digest = data.pop("source", ""), str(data.pop("sha256", ""))[:12]
    for name in LEAK_LISTS:
        data.pop(name, None)
    facts = [
        ("run", f"{record.name} ({record.id}), {record.kind}"),
        ("status", record.status + (f": {record.note}" if record.note else "")),
        ("started", f"{record.started[:19].replace('T', ' ')} UTC{took}"),
        ("folder", f"{record.folder}{'' if record.place == 'here' else f' ({record.place})'}"),
        ("data", f"{source} (sha256 {digest}…)" if digest else str(source)),
        ("", _listed(flat(data))),
        ("code", record.code),
        ("machine", _listed({name: environment[name] for name in names if environment.get(name)})),
        ("seeds", _listed(record.seeds)),
        ("settings", _listed(flat(record.settings))),
    ]
    return [(name, value) for name, value in facts if value]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_one_line(value)}" for name, value in values.items())


def _one_line(value: Any) -> str:
    """A text with a line break or the like, such as an alphabet, is shown as it would be written in code."""
    text = str(value)
    return text if text.isprintable() else repr(text)


def _epochs(history: History) -> Any:
    from rich.table import Table

    names = list(history.epochs[0].validation)
    held_out = (f"held-out {name}" if name == "loss" else name.replace("_", " ") for name in names)
    grid = Table("epoch", "training loss", *held_out, "", box=None, pad_edge=False)
    for epoch in history.epochs:
        values = [f"{epoch.validation[name]:.4f}" for name in names]
        kept = "best" if epoch is history.best else ""
        grid.add_row(str(epoch.epoch), f"{epoch.training_loss:.4f}", *values, kept)
    return grid
