"""A store made anew from the folders: each run's folder holds its record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.recorder import RECORD, read_record
from cutaway.finetuning.runs.store import Store


def restore(store: Store, folders: Sequence[Path]) -> tuple[list[RunRecord], list[str]]:
    """Put the runs that lie in some folders into a store; a folder that moved is noted where it is now.

    Args:
        store: where they go.
        folders: of runs, or folders of such folders.

    Returns:
        The runs, and a line for each record that cannot be read.

    Raises:
        MissingFileError: one of the folders is not there.
    """
    found: list[RunRecord] = []
    damaged: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            raise MissingFileError(f"there is no folder {folder}")
        for path in sorted({folder / RECORD, *folder.glob(f"*/{RECORD}")}):
            if not path.is_file():
                continue
            try:
                record = read_record(path.parent).now()
            except FormatError as error:
                damaged.append(str(error))
                continue
            store.save(record)
            found.append(record)
    return found, damaged
