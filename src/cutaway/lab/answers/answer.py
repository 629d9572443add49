"""What every answer of the API has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answered(BaseModel):
    """A part of an answer: every field is there, and no other."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(Answered):
    """What went wrong, in one line."""

    error: str


class Step(Answered):
    """One equation of a trace, and the line that computed it."""

    output: str
    formula: str
    inputs: list[str]
    file: str
    symbol: str
    line: int


class Span(Answered):
    """A stretch of a text, counted in code points."""

    start: int
    end: int
