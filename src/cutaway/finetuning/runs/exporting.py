"""A run's curves for other programs: CSV, JSON, TensorBoard's event files, MLflow."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cutaway.core.errors import ResourceError, UsageError
from cutaway.core.files import whole_file, write_text
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.points import Point, points
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.settings import flat

Format = Literal["csv", "json", "tensorboard", "mlflow"]
AT_A_TIME = 500  # values in one call to MLflow


def export_csv(record: RunRecord, path: Path) -> int:
    """Write a line for each value of each curve: name, step, value, seconds since the start.

    Args:
        record: of the run.
        path: the file.

    Returns:
        How many values.
    """
    found = list(points(read_history(record.folder)))
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Point._fields)
        writer.writerows(found)
    return len(found)


def export_json(record: RunRecord, path: Path) -> int:
    """Write the record with every step and epoch.

    Args:
        record: of the run.
        path: the file.

    Returns:
        How many steps and epochs.
    """
    history = read_history(record.folder)
    told = {**record.to_json(), "history": history.to_json()}
    write_text(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return len(history.steps) + len(history.epochs)


def export_tensorboard(record: RunRecord, folder: Path) -> int:
    """Write an event file that TensorBoard shows as a run of this name.

    Args:
        record: of the run.
        folder: TensorBoard's log folder.

    Returns:
        How many values.

    Raises:
        UsageError: the tensorboard package is not installed.
        ResourceError: the folder cannot be written.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise UsageError("TensorBoard's files need its package: pip install tensorboard") from error
    found = list(points(read_history(record.folder)))
    begun = datetime.fromisoformat(record.started).timestamp()
    try:
        writer = EventFileWriter(str(folder / f"{record.name}-{record.id}"))
        for point in found:
            summary = Summary(value=[Summary.Value(tag=point.name, simple_value=point.value)])
            writer.add_event(Event(wall_time=begun + point.seconds, step=point.step, summary=summary))
        writer.close()
    except OSError as error:
        raise ResourceError(f"cannot write into {folder}: {error.strerror}") from error
    return len(found)


def export_mlflow(record: RunRecord, uri: str) -> int:
    """Log the run in MLflow: settings as parameters, curves as metrics, its data and code as tags.

    Args:
        record: of the run.
        uri: of MLflow's tracking server, or a store such as `sqlite:///mlflow.db`.

    Returns:
        How many values.

    Raises:
        UsageError: the mlflow package is not installed.
        ResourceError: the server refused.
    """
    try:
        from mlflow.entities import Metric, Param
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise UsageError("MLflow needs its package: pip install mlflow") from error
    found = list(points(read_history(record.folder)))
    begun = round(datetime.fromisoformat(record.started).timestamp() * 1000)
    metrics = [Metric(p.name, p.value, begun + round(p.seconds * 1000), p.step) for p in found]
    try:
        client: Any = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("cutaway")
        number = experiment.experiment_id if experiment else client.create_experiment("cutaway")
        made = client.create_run(number, start_time=begun, run_name=record.name, tags=_tags(record))
        parameters = [Param(name, str(value)[:500]) for name, value in flat(record.settings).items()]
        client.log_batch(made.info.run_id, params=parameters)
        for start in range(0, len(metrics), AT_A_TIME):
            client.log_batch(made.info.run_id, metrics=metrics[start : start + AT_A_TIME])
        state = {"finished": "FINISHED", "running": "RUNNING"}.get(record.status, "FAILED")
        client.set_terminated(made.info.run_id, status=state)
    except MlflowException as error:
        raise ResourceError(f"MLflow at {uri} refused: {error}") from error
    return len(found)


def _tags(record: RunRecord) -> dict[str, str]:
    """What MLflow shows beside a run."""
    told = asdict(record)
    names = ("id", "kind", "code", "status", "note")
    tags = {f"cutaway.{name}": str(told[name]) for name in names}
    data = {f"cutaway.data.{name}": str(record.data.get(name, "")) for name in ("source", "sha256")}
    return {**tags, **data}
