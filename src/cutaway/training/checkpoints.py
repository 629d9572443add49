"""Checkpoints: a folder that holds whole states of a training or none, whatever ends the process.

A save writes into a temporary folder, syncs each file, writes the manifest with sizes and sha256 last,
syncs, renames, syncs the parent, and only then removes what is older than the newest two. A start clears
what a dead process left, and takes the newest checkpoint whose every byte is as its manifest says.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
from safetensors.torch import load_file
from torch import Tensor

from cutaway.core.errors import CutawayError, FormatError, ResourceError, UsageError
from cutaway.core.files import FULL, REFUSED, sha256_of, sync
from cutaway.core.lock import hold
from cutaway.training.tensor_file import write_tensors

FORMAT = "cutaway-checkpoint/1"
MANIFEST, FACTS, LOCK = "manifest.json", "facts.json", "lock"
NAME = re.compile(r"epoch-(\d+)-step-(\d+)")


def warn_of_repair(message: str) -> None:
    """Warn of a checkpoint that was left out."""
    warnings.warn(message, stacklevel=2)


class Position(NamedTuple):
    """How far a training came: epochs that are over, steps done in all."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One state of a training.

    Attributes:
        position: epochs and steps done.
        tensors: by file and name: weights, the optimizer's memory, random states, the task's own.
        facts: plain values: the history, how long without a better epoch.
    """

    position: Position
    tensors: Mapping[str, Mapping[str, Tensor]]
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Where a training keeps its states, and how often.

    Attributes:
        folder: of this training alone; made if it is not there.
        recipe: all that must be the same for a checkpoint to fit, as JSON has it: a hash of the data,
            the model's name, settings. The loop adds its own.
        every: steps from one checkpoint to the next; None looks at the clock only.
        seconds: and so many seconds from one to the next, at most. An epoch's end always has one.
        keep: how many stay.
        told: hears of what was repaired or left out, a line each.
    """

    folder: Path
    recipe: Mapping[str, Any] = field(default_factory=dict)
    every: int | None = None
    seconds: float = 600.0
    keep: int = 2
    told: Callable[[str], None] = warn_of_repair

    def __post_init__(self) -> None:
        if (self.every is not None and self.every < 1) or self.keep < 1 or not self.seconds > 0:
            raise UsageError(
                f"every ({self.every}) and keep ({self.keep}) start at 1, seconds ({self.seconds}) above 0"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process alone, cleared of what a dead one left."""
        with hold(self.folder / LOCK, of=self.folder):
            for part in self.folder.glob(".*.part"):
                shutil.rmtree(part, ignore_errors=True)
            yield

    def positions(self) -> list[Position]:
        """Return the positions that have a checkpoint, oldest first, whole or damaged."""
        found = (NAME.fullmatch(path.name) for path in self.folder.glob("epoch-*"))
        return sorted(Position(int(name[1]), int(name[2])) for name in found if name)

    def path(self, position: Position) -> Path:
        """Return where the checkpoint of a position lies or would lie."""
        return self.folder / f"epoch-{position.epoch:04d}-step-{position.step:08d}"

    def save(self, checkpoint: Checkpoint, recipe: Mapping[str, Any]) -> None:
        """Write a checkpoint, whole or not at all, and remove what is older than the newest.

        Args:
            checkpoint: the state.
            recipe: the whole recipe of the training.

        Raises:
            ResourceError: the disk is full or the folder cannot be written; older checkpoints stand.
        """
        place = self.path(checkpoint.position)
        part = self.folder / f".{place.name}.part"
        try:
            with _speaking(place):
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
                _write(part, checkpoint, recipe)
                if place.exists():  # damaged: a whole one is not written twice
                    self._remove(place)
                part.rename(place)
                sync(self.folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        # What lies behind this position was damaged when the training went back to an older one.
        found = self.positions()
        kept = [position for position in found if position <= checkpoint.position][-self.keep :]
        for position in found:
            if position not in kept:
                self._remove(self.path(position))

    def newest(self, recipe: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest checkpoint that is whole, telling of each that is not.

        Args:
            recipe: the whole recipe of the training.

        Returns:
            The checkpoint; None where there is none at all.

        Raises:
            FormatError: there are checkpoints, and every one is damaged.
        """
        damage = []
        for position in reversed(self.positions()):
            try:
                found, stored = _read(self.path(position))
            except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
                damage.append(f"{self.path(position)} is damaged ({' '.join(str(error).split())})")
                continue
            compare_recipes(stored, recipe, self.folder)
            for line in damage:
                self.told(f"{line}: going on from step {position.step}")
            return found
        if damage:
            raise FormatError(f"{damage[0]}, and there is no older one: delete {self.folder} to start again")
        return None

    def _remove(self, place: Path) -> None:
        """Remove a checkpoint in one step: a removal that is cut short leaves no half of one."""
        gone = self.folder / f".{place.name}.gone.part"
        shutil.rmtree(gone, ignore_errors=True)
        place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _write(part: Path, checkpoint: Checkpoint, recipe: Mapping[str, Any]) -> None:
    hashes = {}
    for name, tensors in checkpoint.tensors.items():
        file = f"{name}.safetensors"
        hashes[file] = write_tensors(part / file, tensors)
    facts = {"position": checkpoint.position, "recipe": recipe, **checkpoint.facts}
    (part / FACTS).write_text(json.dumps(facts), encoding="utf-8")
    hashes[FACTS] = sha256_of(part / FACTS)
    files = {}
    for name, digest in hashes.items():
        sync(part / name)
        files[name] = {"bytes": (part / name).stat().st_size, "sha256": digest}
    manifest = {"format": FORMAT, "files": files}
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    sync(part / MANIFEST)
    sync(part)


def _read(place: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Read a checkpoint, every file checked, and its recipe."""
    if not (place / MANIFEST).is_file():
        raise FormatError(f"{MANIFEST} is missing")
    manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise FormatError(f"its format is {manifest['format']!r}, not {FORMAT!r}")
    for name, told in manifest["files"].items():
        if not (place / name).is_file():
            raise FormatError(f"{name} is missing")
        if (place / name).stat().st_size != told["bytes"] or sha256_of(place / name) != told["sha256"]:
            raise FormatError(f"{name} differs from its manifest")
    facts = json.loads((place / FACTS).read_text(encoding="utf-8"))
    names = [Path(name).stem for name in manifest["files"] if name != FACTS]
    # Copies: a tensor that maps its file would hold the disk's space when the checkpoint is removed.
    tensors = {
        name: {key: held.clone() for key, held in load_file(place / f"{name}.safetensors").items()}
        for name in names
    }
    recipe = facts.pop("recipe")
    return Checkpoint(position=Position(*facts.pop("position")), tensors=tensors, facts=facts), recipe


def compare_recipes(stored: Mapping[str, Any], recipe: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with other data or settings than before.

    Args:
        stored: how it began.
        recipe: how it is to go on.
        folder: where, for the error.

    Raises:
        UsageError: they differ; the first name that does, with both values.
    """
    before, now = dict(_flat(stored)), dict(_flat(json.loads(json.dumps(recipe))))
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if names:
        first = names[0]
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise UsageError(
            f"{folder} belongs to another training: {first}{others} was {before.get(first)!r}, is "
            f"{now.get(first)!r}: train with the same, or name another folder"
        )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested settings, each with its dotted name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


@contextmanager
def _speaking(place: Path) -> Iterator[None]:
    """Turn what a file system refuses into an error that says what to do."""
    try:
        yield
    except CutawayError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise ResourceError(
                f"no space left to write {place}: free some and run again; the checkpoint before it is whole"
            ) from error
        if error.errno in REFUSED:
            raise ResourceError(f"cannot write {place}: {error.strerror}") from error
        raise
