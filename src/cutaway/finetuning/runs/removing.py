"""Deleting a run: its record, and those files of its folder that a training writes; nothing else there."""

from __future__ import annotations

import shutil

from cutaway.core.errors import ResourceError, UsageError
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store

# What the trainings of all rooms write into their folders.
FILES = (
    "run.json", "steps.jsonl", "history.json", "settings.json", "predictions.parquet", "config.json",
    "model.safetensors", "tokenizer.json", "report.md", "report.html", "card.md", "README.md",
)  # fmt: skip
FOLDERS = ("checkpoints", ".checkpoints.gone", "epochs")


def delete_run(store: Store, record: RunRecord) -> list[str]:
    """Delete a run and its files.

    Args:
        store: where it is.
        record: as found.

    Returns:
        What stays in its folder, because no training wrote it.

    Raises:
        UsageError: the run has not ended.
        ResourceError: a file cannot be removed.
    """
    if record.now().status == "running":
        raise UsageError(f"run {record.name} has not ended: stop it first")
    left: list[str] = []
    if record.place == "here" and (record.folder / "run.json").is_file():
        try:
            for name in FILES:
                (record.folder / name).unlink(missing_ok=True)
            for name in FOLDERS:
                shutil.rmtree(record.folder / name, ignore_errors=True)
            left = sorted(path.name for path in record.folder.iterdir())
            if not left:
                record.folder.rmdir()
        except OSError as error:
            raise ResourceError(f"cannot delete the files in {record.folder}: {error.strerror}") from error
    store.delete(record)
    return left
