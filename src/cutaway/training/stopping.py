"""SIGINT and SIGTERM while training: noted at once, obeyed when a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal came while nothing was being changed."""


class Stop:
    """Whether a signal asked the training to stop.

    Attributes:
        asked: the signal's number, once there was one.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._at_once = False
        self._before: dict[int, Any] = {}

    @contextmanager
    def listening(self) -> Iterator[Stop]:
        """Catch the signals; the second one of a kind does what it did before.

        A signal that the process ignores stays ignored. Outside the main thread nothing is caught.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        try:
            yield self
        finally:
            for taken, before in self._before.items():
                signal.signal(taken, before)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While nothing is changed, let a signal raise `Interrupted` where it comes."""
        if self.asked:
            raise Interrupted
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        signal.signal(number, self._before[number])
        if self._at_once:
            self._at_once = False
            raise Interrupted
