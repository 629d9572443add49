"""A training as the API tells it."""

from __future__ import annotations

from typing import Any, Literal

from cutaway.lab.answers.answer import Answered


class JobAnswer(Answered):
    """One training: what was asked of it (of a text only how long it is), and the last that it told."""

    id: str
    state: Literal["running", "stopping", "done", "failed", "stopped", "lost"]
    training: dict[str, Any]
    last: dict[str, Any] | None
