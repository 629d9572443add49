"""What the rooms' figures can be drawn of by name: the catalog's files on this machine, trainings, runs.

Names only, never paths: what was trained in the lab is found by its job's id, a run by its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cutaway.catalog.entry import Part, entries
from cutaway.catalog.resolve import locate
from cutaway.core.errors import UsageError
from cutaway.lab.jobs.store import all_jobs, find_job, jobs_home

if TYPE_CHECKING:
    from cutaway.finetuning.runs.record import RunRecord

Kind = Literal["tokenizer", "vectors", "checkpoint"]

# What was trained in the lab is called by this and its job's id.
JOB = "job-"
# What comes with the package.
CLASSIFIER, READER = "sentiment", "lstm-sentiment"
MOST_JOBS = 5
MOST_RUNS = 50
CONFIG, WEIGHTS = "config.json", "model.safetensors"
# What a training of vectors leaves.
VECTORS = "vectors.safetensors"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One thing that a figure can be drawn of.

    Attributes:
        name: what a figure is asked with.
        said: what people call it.
    """

    name: str
    said: str


def catalog_names(kind: Kind) -> list[str]:
    """Return the names of the catalog that are of a kind and on this machine.

    Args:
        kind: what is wanted; a checkpoint whose tokenizer alone is here has that.
    """
    part: Part = "tokenizer" if kind == "tokenizer" else "whole"
    return [
        known.name
        for known in entries().values()
        if kind in (known.kind, *(source.part for source in known.sources)) and locate(known, part)
    ]


def trained_names(file: str) -> list[str]:
    """Return the newest trainings of the lab that left a file.

    Args:
        file: what it is called there.
    """
    made = (JOB + job.name for job in all_jobs(jobs_home()) if (job.out / file).is_file())
    return list(islice(made, MOST_JOBS))


def trained_folder(name: str, file: str) -> Path:
    """Find the folder of what a training of the lab left.

    Args:
        name: "job-" and its id.
        file: what must lie in it.

    Returns:
        The folder.

    Raises:
        UsageError: that training left no such file.
    """
    folder = find_job(jobs_home(), name.removeprefix(JOB)).out
    if not (folder / file).is_file():
        raise UsageError(f"{name!r} left no {file}: it was stopped, or trained something else")
    return folder


def run_offers(kind: str) -> list[Offer]:
    """Return the newest runs of a kind that left what they learned.

    Args:
        kind: as the store has it: "finetune", "lstm", "vectors", "pretrain", "language".
    """
    return [Offer(name=one.id, said=one.name) for one in islice(_left(kind), MOST_RUNS)]


def guessers() -> list[Offer]:
    """Return the models on this machine that guess words behind masks."""
    found = []
    for name in catalog_names("checkpoint"):
        files = locate(entries()[name])
        if files and CONFIG in files.files and _guesses(files.files[CONFIG]):
            found.append(Offer(name=name, said=name))
    runs = [one for one in _left("pretrain") if _guesses(one.folder / CONFIG)]
    return [*found, *(Offer(name=one.id, said=one.name) for one in runs[:MOST_RUNS])]


def run_place(wanted: str, kind: str) -> Path:
    """Return where a run left what it learned.

    Args:
        wanted: its id or name.
        kind: which it must be.

    Returns:
        Its folder; of vectors the file.

    Raises:
        UsageError: it is another kind of run, or left nothing.
    """
    from cutaway.lab.experiments.reading import find_run

    record = find_run(wanted)
    place = _place(record)
    if record.kind != kind or place is None:
        raise UsageError(f"the run {record.name} is of kind {record.kind} and left no {kind} to draw")
    return place


def _left(kind: str) -> Iterator[RunRecord]:
    from cutaway.finetuning.runs.store import RunFilter, Store

    return (one for one in Store.open().list(RunFilter(kind=kind)) if _place(one) is not None)


def _guesses(config: Path) -> bool:
    """Say whether a checkpoint's config names a head for masked words."""
    from cutaway.transformers.head_maps import HEADS

    try:
        told = json.loads(config.read_bytes()).get("architectures") or []
    except (OSError, ValueError, RecursionError, AttributeError):
        return False
    return any(head.architecture in told for head in HEADS["masked words"].values())


def _place(record: RunRecord) -> Path | None:
    if record.kind == "vectors":
        # Vectors are a single file, which lies where it was asked for.
        file = Path(str(record.settings.get("out", "")))
        return file if file.is_file() and record.place != "elsewhere" else None
    return record.folder if all((record.folder / name).is_file() for name in (CONFIG, WEIGHTS)) else None
