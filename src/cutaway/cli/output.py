"""What every command prints with: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def console() -> Console:
    """Return a console on standard output that reads no markup in what it prints."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


def progress() -> Progress:
    """Return a progress display on standard error: bar, count, speed, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True, markup=False, highlight=False, emoji=False),
    )


def print_json(value: Any) -> None:
    """Print one JSON document and nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def warn(message: str) -> None:
    """Print one line on standard error."""
    sys.stderr.write(f"{message}\n")


def read_text_argument(text: str) -> str:
    """Return the text of an argument; `-` reads standard input.

    Raises:
        DataError: standard input is not UTF-8.
    """
    if text != "-":
        return text
    from cutaway.core.errors import DataError

    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"standard input: byte {error.start} is not valid UTF-8") from error
