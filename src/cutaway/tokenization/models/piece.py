"""What every model hands out: a part of a word, with its id."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """A part of a word that the vocabulary has, and where it stands in the word, in characters."""

    id: int
    start: int
    end: int
