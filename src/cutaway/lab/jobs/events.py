"""The file in which a job tells what it does: one JSON object a line, added to and never changed.

A line's number is the event's id: whoever has read up to it goes on from there, in this process or another.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

EVENTS = "events.jsonl"
# The last event of a job is one of these.
ENDS = frozenset({"done", "failed", "stopped"})
BETWEEN_POINTS = 0.2  # seconds


class Teller:
    """Writes a job's events; points of curves are gathered and told a few times a second.

    Args:
        folder: the job's.
    """

    def __init__(self, folder: Path) -> None:
        before = last_event(folder) or {}
        _drop_half_a_line(folder / EVENTS)
        self._file = os.open(folder / EVENTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # A training that goes on counts on.
        self._began = time.monotonic() - float(before.get("seconds", 0.0))
        self._points: list[tuple[str, float, float | None]] = []
        self._progress: dict[str, Any] = {}
        self._told = 0.0

    def event(self, kind: str, **fields: object) -> None:
        """Tell at once what was gathered, and then this.

        Args:
            kind: what happened.
            fields: what belongs to it, as JSON has it.
        """
        self._flush()
        self._write(kind, fields)

    def progress(self, done: int, of: int | None, note: str = "") -> None:
        """Tell how far the work is.

        Args:
            done: how much.
            of: how much there is; None if nobody knows.
            note: a few words: a speed.
        """
        self._progress = {"done": done, "of": of, "note": note}
        self._flush_if_due()

    def point(self, series: str, x: float, y: float) -> None:
        """Add a point to a curve.

        Args:
            series: the curve's name.
            x: where, in the unit that the job's "began" names.
            y: how high; no number is told as none.
        """
        self._points.append((series, x, y if math.isfinite(y) else None))
        self._flush_if_due()

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._told >= BETWEEN_POINTS:
            self._flush()

    def _flush(self) -> None:
        self._told = time.monotonic()
        if self._points or self._progress:
            points, self._points = self._points, []
            progress, self._progress = self._progress, {}
            self._write("progress", {**progress, "points": points})

    def _write(self, kind: str, fields: Mapping[str, object]) -> None:
        told = {"kind": kind, "seconds": round(time.monotonic() - self._began, 3), **fields}
        line = json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"
        # One write of a whole line: a reader sees it all or not at all, or waits for its end.
        os.write(self._file, line.encode("utf-8", "replace"))


def _drop_half_a_line(path: Path) -> None:
    """Cut off what a process that died did not write to its end."""
    if path.exists():
        whole = path.read_bytes().rpartition(b"\n")
        if whole[2]:
            os.truncate(path, len(whole[0]) + len(whole[1]))


class Reading:
    """Reads a job's events while they are written.

    Args:
        folder: the job's.
        after: the id of the last event that is already known; 0 reads all.
    """

    def __init__(self, folder: Path, after: int = 0) -> None:
        self._path = folder / EVENTS
        self._place, self._number, self._after = 0, 0, after

    def new(self) -> Iterator[tuple[int, str]]:
        """Yield what has come since the last call.

        Yields:
            An event's id, and its line.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._place)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._place += len(line)
                self._number += 1
                if self._number > self._after:
                    yield self._number, line[:-1].decode("utf-8", "replace")


def last_event(folder: Path) -> dict[str, Any] | None:
    """Return the newest event of a job.

    Args:
        folder: the job's.

    Returns:
        The event; None if there is none yet, or its line is damaged.
    """
    path = folder / EVENTS
    if not path.exists():
        return None
    size, block = path.stat().st_size, 1 << 12
    while True:
        with path.open("rb") as file:
            file.seek(max(0, size - block))
            lines = file.read().rpartition(b"\n")[0].split(b"\n")
        if len(lines) > 1 or block >= size:
            break
        block *= 8
    try:
        found = json.loads(lines[-1])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
