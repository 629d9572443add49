"""Kills trainings at every line of a save, each in a process of its own, and lets each go on.

A line that runs often is a point of failure the first time and the last.

    python killed_saves.py FOLDER

Children are forked, so that torch is imported once. Prints how many points there were, then a line for each
whose weights came out otherwise than without the kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from small_training import train

import cutaway.training.checkpoints
import cutaway.training.tensor_file

FILES = {cutaway.training.checkpoints.__file__, cutaway.training.tensor_file.__file__}
SAVES = ("save", "_write", "write_tensors", "_pieces", "_remove")
# The third save of a training is the first that removes one.
WATCHED_SAVE = 3


class Killer:
    """Counts the lines of saves as they run; at one of them the process dies."""

    def __init__(self, at: int | None) -> None:
        self.at, self.saves = at, 0
        self.lines: list[tuple[int, str, int]] = []

    def call(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code.co_filename not in FILES or code.co_name not in SAVES:
            return None
        self.saves += code.co_name == "save"
        return self.line if self.saves == WATCHED_SAVE else None

    def line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            if len(self.lines) == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.lines.append((self.saves, frame.f_code.co_filename, frame.f_lineno))
        return self.line


def in_child(work: Callable[[], str]) -> tuple[int, str]:
    """Run in a fork; return the signal that ended it, and what it returned."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, work().encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        told = pipe.read()
    return os.waitpid(child, 0)[1] & 127, told


def killed(folder: Path, at: int | None) -> str:
    killer = Killer(at)
    sys.settrace(killer.call)
    name = train(folder, epochs=1)
    sys.settrace(None)
    first = {line: at for at, line in reversed(list(enumerate(killer.lines)))}
    last = {line: at for at, line in enumerate(killer.lines)}
    return json.dumps([sorted({*first.values(), *last.values()}), name])


def main() -> int:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    train(folder / "first", epochs=1)  # imports what torch imports late
    _, told = in_child(lambda: killed(folder / "whole", None))
    points, wanted = json.loads(told)
    sys.stdout.write(f"{len(points)}\n")
    for at in points:
        place = folder / str(at)
        died, _ = in_child(lambda place=place, at=at: killed(place, at))  # type: ignore[misc]
        _, name = in_child(lambda place=place: train(place, epochs=1))  # type: ignore[misc]
        debris = [path.name for path in place.glob(".*")]
        if died != signal.SIGKILL or name != wanted or debris or len(list(place.glob("epoch-*"))) != 2:
            sys.stdout.write(f"point {at}: ended by {died}, {name[:8]} not {wanted[:8]}, debris {debris}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
