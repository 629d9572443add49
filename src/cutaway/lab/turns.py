"""One computation at a time through the models, a few waiting, the rest sent away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool

MOST_WAITING = 8

Answer = TypeVar("Answer")


class Turns:
    """A queue for work that takes all cores of the machine.

    Args:
        most: how many may wait, the one at work among them.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._most = most

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run work in a thread, so that the page goes on being served.

        Args:
            work: a function without arguments.

        Returns:
            What it returned.

        Raises:
            HTTPException: 429, when too many are waiting already.
        """
        if self._waiting >= self._most:
            raise HTTPException(429, "too many texts are waiting: try again", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._lock:
                return await run_in_threadpool(work)
        finally:
            self._waiting -= 1


turns = Turns()
