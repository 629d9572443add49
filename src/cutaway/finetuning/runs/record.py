"""The record of one training: what was asked, on which data, with which code, and what came out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from cutaway.core.errors import FormatError
from cutaway.finetuning.runs.process import alive, host

Kind = Literal["finetune", "pretrain", "lstm", "language", "vectors", "translator"]
Status = Literal["running", "finished", "interrupted", "failed", "diverged"]
Place = Literal["here", "gone", "elsewhere"]

KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One training, as the store has it.

    Attributes:
        id: ten hex digits, drawn at the start.
        name: what people call it; by default its folder's name.
        kind: which training.
        folder: where its files are, absolute.
        status: how it stands.
        settings: all that was chosen, nested as the settings' classes are.
        data: `source`, `sha256` and whatever else is known of the data.
        code: Cutaway's version, and the first digits of its source's sha256.
        environment: Python, torch and NumPy, processor, threads, host and process.
        seeds: by what they decide.
        started: UTC, ISO 8601.
        ended: the same; None while it runs.
        measures: of the best epoch, on held-out examples.
        note: why it did not finish.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(5))
    name: str
    kind: Kind
    folder: Path
    status: Status
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    code: str
    environment: Mapping[str, Any]
    seeds: Mapping[str, int]
    started: str
    ended: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def place(self) -> Place:
        """Whether the folder is here, was deleted by hand, or lies on another host."""
        if self.folder.is_dir():
            return "here"
        return "gone" if self.environment.get("host") == host() else "elsewhere"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.ended is None:
            return None
        return (_time(self.ended) - _time(self.started)).total_seconds()

    def now(self) -> RunRecord:
        """Return the record as it stands: a run whose process is gone was interrupted."""
        environment = self.environment
        if self.status != "running" or environment.get("host") != host():
            return self
        if alive(environment.get("process")):
            return self
        return replace(self, status="interrupted", note=self.note or "its process ended without a word")

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {**asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> RunRecord:
        """Return the record that `to_json` told.

        Args:
            told: plain values.

        Raises:
            FormatError: a field is missing, unknown or of another type.
        """
        try:
            made = cls(**{**told, "folder": Path(told["folder"])})
            _time(made.started)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"this is no record of a run: {error}") from error
        if made.kind not in KINDS or made.status not in STATUSES:
            raise FormatError(f"this is no record of a run: kind {made.kind!r}, status {made.status!r}")
        return made


def utc_now() -> str:
    """Return the time as records have it, such as "2026-01-31T17:05:00.123456Z"."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _time(told: str) -> datetime:
    return datetime.fromisoformat(told)
