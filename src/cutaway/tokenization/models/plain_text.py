"""Text normalized for the fast path: ASCII by a table, stretches of the rest by the stages, and remembered.

A normalizer looks at a character and at what follows it, so text is cut where neither side can concern the
other: ASCII characters stand for themselves, and around each run of other characters one ASCII character on
either side goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np

Normalize = Callable[[str], str]
ReachesOn = Callable[[str], bool]

_RUN: Final = re.compile("[^\\x00-\\x7f]+(?:[\\x00-\\x7f][^\\x00-\\x7f]+)*")
_FIRST_PRINTED, _DELETE = 0x20, 0x7F
_PRINTED: Final = "".join(map(chr, range(_FIRST_PRINTED, _DELETE)))
_REMEMBERED: Final = 1 << 14
_LONGEST: Final = 64  # characters


class PlainText:
    """Normalizes texts as the stages do, or says that it cannot.

    Args:
        normalize: the stages, on any text.
        reaches_on: says of a stretch whether an ASCII character behind it could change what becomes of it.

    Attributes:
        works: whether ASCII characters become what they become one by one; if not, nothing is done here.
    """

    def __init__(self, normalize: Normalize, reaches_on: ReachesOn) -> None:
        self._normalize, self._reaches_on = normalize, reaches_on
        self._known: dict[str, str | None] = {}
        ascii_ = [normalize("x" + chr(code) + "x")[1:-1] for code in range(128)]
        self.works = all(len(new) <= 1 and new.isascii() for new in ascii_)
        self._table = bytes([ord(new) if new else 0 for new in ascii_] + list(range(128, 256)))
        self._replaces_printed = "".join(ascii_[_FIRST_PRINTED:_DELETE]) != _PRINTED
        self._dropped = bytes(code for code, new in enumerate(ascii_) if not new)
        self.works = self.works and self._holds_for_pairs()

    def normalized(self, text: str) -> bytes | None:
        """Return the text in UTF-8, all but ASCII normalized; None where only the stages can tell.

        Args:
            text: any string without lone surrogates.
        """
        if "\r" in text:
            return None  # a carriage return and a line feed are one grapheme
        if not text.isascii():
            parts = []
            done = 0
            for run in _RUN.finditer(text):
                start, end = max(run.start() - 1, 0), run.end() + 1
                new = self._of(text[start:end])
                if new is None:
                    return None
                parts += [text[done:start], new]
                done = end
            text = "".join([*parts, text[done:]])
        return text.encode("utf-8")

    def finished(self, rows: list[bytes | None]) -> list[bytes | None]:
        """Return rows from `normalized` with their ASCII replaced too; most texts have nothing to replace.

        Args:
            rows: a block of them.
        """
        together = np.frombuffer(b"".join(row for row in rows if row), np.uint8)
        usual = not (together < _FIRST_PRINTED).any() and not (together == _DELETE).any()
        if usual and not self._replaces_printed:
            return rows
        return [None if row is None else row.translate(self._table, self._dropped) for row in rows]

    def _of(self, run: str) -> str | None:
        if run in self._known:
            return self._known[run]
        new: str | None = None
        if len(run) <= _LONGEST and not self._reaches_on(run):
            new = self._normalize(run)
            # What comes out is put through the table once more: it must not mind.
            if new.encode("utf-8").translate(self._table, self._dropped) != new.encode("utf-8"):
                new = None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[run] = new
        return new

    def _holds_for_pairs(self) -> bool:
        codes = [chr(code) for code in range(128) if chr(code) != "\r"]
        for first in codes:
            pairs = "".join(first + second for second in codes)
            if self._normalize("x" + pairs + "x") != self._by_table("x" + pairs + "x"):
                return False
        return True

    def _by_table(self, text: str) -> str:
        return text.encode("utf-8").translate(self._table, self._dropped).decode("utf-8")
