"""Every deliberate error: a `CutawayError` and the matching built-in, with an exit code.

A message says what was wrong with the values in it, then what to do. The command line prints it as
one line and leaves with `exit_code`; a library caller may catch either parent.
"""

from __future__ import annotations


class CutawayError(Exception):
    """The parent of every error that Cutaway raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        # KeyError would show the repr of its argument: quotes around a sentence.
        return str(self.args[0]) if self.args else ""


class DataError(CutawayError, ValueError):
    """Text, a table or a file's content is not what it claims to be."""


class ShapeError(CutawayError, ValueError):
    """Two arrays do not fit, or ids lie outside a table."""


class FormatError(CutawayError, ValueError):
    """A model file is damaged, truncated or of a kind that is refused."""


class ChecksumError(FormatError):
    """A file's sha256 is not the one on record."""


class MissingFileError(CutawayError, FileNotFoundError):
    """A file that was named is not there."""


class UnknownNameError(CutawayError, KeyError):
    """A catalog name, a word or a label that nobody knows."""


class UsageError(CutawayError, ValueError):
    """An option or argument has a value outside its range."""

    exit_code = 2


class ResourceError(CutawayError, OSError):
    """The surroundings said no: a full disk, a taken port, a held lock."""

    exit_code = 4


class OfflineError(ResourceError):
    """A file is not on this machine and the network may not or cannot be used."""


class DivergedError(CutawayError, ArithmeticError):
    """The loss became NaN or infinite."""

    exit_code = 5


class StoppedError(CutawayError):
    """A signal ended the training after its checkpoint was written."""

    def __init__(self, message: str, *, signal_number: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number
