"""One sentence through all five rooms."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

MOST_WAITING = 8

router = APIRouter(prefix="/api")


class TourRequest(BaseModel):
    """The text to take through the rooms."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str


class Queue:
    """One at a time through the models, a few waiting, the rest sent away."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def run(self, text: str) -> bytes:
        """Return the tour's JSON, computed in a worker thread so that the page goes on being served.

        Raises:
            HTTPException: 429, when too many are waiting already.
        """
        if self._waiting >= MOST_WAITING:
            raise HTTPException(429, "too many texts are waiting: try again", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._lock:
                return await run_in_threadpool(_tour, text)
        finally:
            self._waiting -= 1


_queue = Queue()


@router.post("/tour")
async def tour(request: TourRequest) -> Response:
    """Return what the five rooms made of the text."""
    return Response(await _queue.run(request.text), media_type="application/json")


def _tour(text: str) -> bytes:
    from cutaway.tour import tour as take

    # Written here and not on the event loop: the weights of a long text are megabytes of digits.
    return json.dumps(take(text).to_json(), ensure_ascii=False, allow_nan=False).encode()
