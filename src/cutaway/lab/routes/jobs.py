"""Trainings: started, listed, stopped, and told as they happen by server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from cutaway.core.errors import UnknownNameError
from cutaway.lab.answers.jobs import JobAnswer
from cutaway.lab.jobs.asked import Asked
from cutaway.lab.jobs.events import Reading
from cutaway.lab.jobs.store import Job, all_jobs, find_job
from cutaway.lab.jobs.supervisor import BusyError, Supervisor

router = APIRouter(prefix="/api/jobs")

BETWEEN_READS = 0.1  # seconds
QUIET = 5.0  # seconds without an event, after which a line says that we are still here
MOST_STREAMS = 64
LISTED = 50


@router.post("", status_code=201, response_model=JobAnswer)
async def start(asked: Asked, request: Request) -> dict[str, Any]:
    """Start a training and return it."""
    return await _started(lambda: _supervisor(request).start(asked))


@router.get("", response_model=list[JobAnswer])
async def listed(request: Request) -> list[dict[str, Any]]:
    """Return the trainings, the newest first."""
    home = _supervisor(request).home
    return await run_in_threadpool(lambda: [job.to_json() for job in all_jobs(home)[:LISTED]])


@router.get("/{name}", response_model=JobAnswer)
async def one(name: str, request: Request) -> dict[str, Any]:
    """Return one training."""
    return _found(name, request).to_json()


@router.post("/{name}/stop", response_model=JobAnswer)
async def stop(name: str, request: Request) -> dict[str, Any]:
    """Ask a training to end; it keeps what it has."""
    job = _found(name, request)
    job.stop()
    return job.to_json()


@router.post("/{name}/resume", response_model=JobAnswer)
async def resume(name: str, request: Request) -> dict[str, Any]:
    """Let a training go on that was stopped or lost, from what it kept."""
    job = _found(name, request)
    return await _started(lambda: _supervisor(request).resume(job))


@router.get("/{name}/events")
async def events(name: str, request: Request) -> StreamingResponse:
    """Stream what a training tells, from the event after `Last-Event-ID` on, until it has ended."""
    job, state = _found(name, request), request.app.state
    if state.streams >= MOST_STREAMS:
        raise HTTPException(429, "too many pages listen: close one", headers={"Retry-After": "5"})
    known = request.headers.get("last-event-id", "")
    after = int(known) if known.isascii() and known.isdigit() and len(known) < 10 else 0

    async def counted() -> AsyncIterator[str]:
        state.streams += 1
        try:
            async for piece in _stream(job, after):
                yield piece
        finally:
            state.streams -= 1

    return StreamingResponse(counted(), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _stream(job: Job, after: int) -> AsyncIterator[str]:
    """Yield events as the browser's EventSource reads them; one that lost us comes again after a second.

    The stream ends with the process, not with an event that says so: a training that was stopped may have
    gone on since.
    """
    reading, quiet = Reading(job.folder, after), 0.0
    yield "retry: 1000\n\n"
    while True:
        # Asked before reading: what a process wrote before it died is then read, whenever that was.
        alive = job.runs()
        for number, line in reading.new():
            yield f"id: {number}\ndata: {line}\n\n"
            quiet = 0.0
        if not alive:
            # Not numbered: it is no event of the file, but what became of the process.
            yield f"event: state\ndata: {json.dumps(job.state())}\n\n"
            return
        if quiet >= QUIET:
            yield ": still here\n\n"
            quiet = 0.0
        await asyncio.sleep(BETWEEN_READS)
        quiet += BETWEEN_READS


async def _started(start: Callable[[], Job]) -> dict[str, Any]:
    try:
        job = await run_in_threadpool(start)
    except BusyError as error:
        raise HTTPException(429, str(error), headers={"Retry-After": "10"}) from error
    return job.to_json()


def _supervisor(request: Request) -> Supervisor:
    found: Supervisor = request.app.state.supervisor
    return found


def _found(name: str, request: Request) -> Job:
    try:
        return find_job(_supervisor(request).home, name)
    except UnknownNameError as error:
        raise HTTPException(404, str(error)) from error
