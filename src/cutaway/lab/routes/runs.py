"""Runs: the list, one with curves and measures, the rows behind a number, two side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cutaway.core.errors import UnknownNameError
from cutaway.lab.answers.runs import DiffAnswer, RowsAnswer, RunSummary, RunWhole
from cutaway.lab.turns import turns

router = APIRouter(prefix="/api/runs")


class RowsAsked(BaseModel):
    """Which held-out rows: of a cell of the confusion matrix, of a bin of confidence, or all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    truth: int | None = Field(default=None, ge=0, le=1000)
    answer: int | None = Field(default=None, ge=0, le=1000)
    part: int | None = Field(default=None, ge=0, le=100)
    offset: int = Field(default=0, ge=0, le=10_000_000)


@router.get("", response_model=list[RunSummary])
async def listed() -> Response:
    """Return the runs, the newest first, those recorded with the package last."""

    def work() -> list[dict[str, Any]]:
        from cutaway.lab.experiments.reading import all_runs, summary

        return [summary(record) for record in all_runs()]

    return await _answer(work)


@router.get("/{name}", response_model=RunWhole)
async def one(name: str) -> Response:
    """Return a run with its curves and what its answers are worth."""

    def work() -> dict[str, Any]:
        from cutaway.lab.experiments.reading import find_run, whole

        return whole(find_run(name))

    return await _answer(work)


@router.post("/{name}/rows", response_model=RowsAnswer)
async def rows(name: str, asked: RowsAsked) -> Response:
    """Return the held-out rows behind a number."""

    def work() -> dict[str, Any]:
        from cutaway.lab.experiments.reading import find_run, rows_behind

        cell = None if asked.truth is None or asked.answer is None else (asked.truth, asked.answer)
        return rows_behind(find_run(name), cell=cell, part=asked.part, offset=asked.offset)

    return await _answer(work)


@router.get("/{name}/diff/{other}", response_model=DiffAnswer)
async def diff(name: str, other: str) -> Response:
    """Return two runs side by side."""

    def work() -> dict[str, Any]:
        from cutaway.lab.experiments.reading import compared, find_run

        return compared(find_run(name), find_run(other))

    return await _answer(work)


async def _answer(work: Callable[[], Any]) -> Response:
    try:
        found = await turns.run(lambda: _written(work()))
    except UnknownNameError as error:
        raise HTTPException(404, str(error)) from error
    return Response(found, media_type="application/json")


def _written(value: Any) -> bytes:
    from cutaway.lab.experiments.reading import plain

    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False).encode()
