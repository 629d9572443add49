"""A training's state on disk: both tables and how far it came; the rest is made again from the corpus."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import FormatError, UsageError
from cutaway.core.files import whole_file
from cutaway.embeddings.training_job import Job

if TYPE_CHECKING:
    from cutaway.embeddings.training import RunSettings


Tables = dict[str, NDArray[np.float32]]
KIND = "word vectors in training"


def state_name(settings: Any, job: Job, run: RunSettings) -> str:
    """Return a hash of all that must be the same for a state to fit.

    Args:
        settings: the model's, a dataclass.
        job: corpus and epochs.
        run: schedule and, where copies are joined, threads.

    Returns:
        64 hexadecimal digits; empty without a state file, for the corpus is not worth reading again.
    """
    if run.state_file is None:
        return ""
    joined = run.threads if run.schedule == "repeatable" and run.threads > 1 else 0
    told = [type(settings).__name__, asdict(settings), job.recipe.epochs, job.corpus.digest(), joined]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def save_state(path: Path | None, job: Job, name: str, position: int) -> None:
    """Write the state as a whole file or none.

    Args:
        path: the state file; None writes nothing.
        job: the training.
        name: from `state_name`.
        position: blocks or rounds done.
    """
    if path is not None:
        State(path, name).save({"inputs": job.inputs, "outputs": job.outputs}, position)


def load_state(path: Path | None, job: Job, name: str) -> int:
    """Fill a job's tables from a state file, if there is one.

    Args:
        path: the state file, which need not exist; None for none.
        job: the training, before its first step.
        name: from `state_name`.

    Returns:
        Blocks or rounds done; 0 without a state.
    """
    return State(path, name).load({"inputs": job.inputs, "outputs": job.outputs}) if path else 0


class State(NamedTuple):
    """A file that holds tables in training.

    Attributes:
        path: the file.
        name: tells this training from others.
    """

    path: Path
    name: str

    def save(self, tables: Tables, position: int) -> None:
        """Write the tables as a whole file or none.

        Args:
            tables: by name.
            position: how far the training came.
        """
        from safetensors.numpy import save_file

        hashes = {f"{key}_sha256": _sha256(table) for key, table in tables.items()}
        facts = {"kind": KIND, "name": self.name, "position": str(position), **hashes}
        with whole_file(self.path) as part:
            save_file(tables, part, facts)

    def load(self, targets: Tables) -> int:
        """Fill tables from the file, if there is one.

        Args:
            targets: the tables to fill, by name.

        Returns:
            How far the training came; 0 without a file.

        Raises:
            FormatError: the file is damaged, or no state of a training.
            UsageError: it belongs to another corpus or to other settings.
        """
        from safetensors import SafetensorError, safe_open

        path = self.path
        if not path.exists():
            return 0
        advice = "delete it to train from the start"
        try:
            with safe_open(path, "numpy") as file:
                facts = file.metadata() or {}
                if facts.get("kind") != KIND:
                    raise FormatError(f"{path} holds no interrupted training: name another file")
                if facts.get("name") != self.name:
                    raise UsageError(
                        f"{path} belongs to another corpus or other settings: use those, or {advice}"
                    )
                tables = {key: file.get_tensor(key) for key in targets}
                position = int(facts["position"])
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            if isinstance(error, (FormatError, UsageError)):
                raise
            raise FormatError(f"{path}: a damaged state file ({error}): {advice}") from error
        for key, target in targets.items():
            if tables[key].shape != target.shape or _sha256(tables[key]) != facts.get(f"{key}_sha256"):
                raise FormatError(f"{path}: table {key!r} is damaged: {advice}")
            np.copyto(target, tables[key])
        return position


def _sha256(table: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()
