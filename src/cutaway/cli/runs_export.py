"""`cutaway runs export|report`: a run's curves for other programs, and its page for people."""

from __future__ import annotations

from pathlib import Path

import typer

from cutaway.cli import output


def export(
    run: str = typer.Argument(help="A run's name, its id or the first digits of it, or its folder."),
    to: str = typer.Option("csv", "--format", help="csv, json, tensorboard or mlflow."),
    out: str | None = typer.Option(
        None, help="The file; TensorBoard's log folder; MLflow's URI. By default in the current folder."
    ),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Export a run's curves: CSV, JSON, TensorBoard's event files, or a run in MLflow."""
    from cutaway.core.errors import UsageError
    from cutaway.finetuning.runs.exporting import (
        export_csv,
        export_json,
        export_mlflow,
        export_tensorboard,
    )
    from cutaway.finetuning.runs.store import Store

    if to not in ("csv", "json", "tensorboard", "mlflow"):
        raise UsageError(f"--format must be csv, json, tensorboard or mlflow, not {to!r}")
    record = Store.open().find(run)
    default = {"tensorboard": "tensorboard", "mlflow": "sqlite:///mlflow.db"}
    target = out or default.get(to, f"{record.id}.{to}")
    if to == "mlflow":
        count = export_mlflow(record, target)
    else:
        write = {"csv": export_csv, "json": export_json, "tensorboard": export_tensorboard}[to]
        count = write(record, Path(target))
    if json:
        output.print_json({"run": record.name, "format": to, "out": target, "values": count})
        return
    output.console().print(f"{count:,} values of {record.name} written to {target}", soft_wrap=True)


def report(
    run: str = typer.Argument(help="A run's name, its id or the first digits of it, or its folder."),
    out: Path | None = typer.Option(None, help="The page to write; by default report.html in its folder."),
    json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Write a run's page anew: curves, findings, confusion, calibration, mistakes; it needs no network."""
    from cutaway.finetuning.runs.evidence import evidence_of
    from cutaway.finetuning.runs.page import write_page
    from cutaway.finetuning.runs.store import Store

    path = write_page(evidence_of(Store.open().find(run)), out)
    if json:
        output.print_json({"page": str(path)})
        return
    output.console().print(str(path), soft_wrap=True)
