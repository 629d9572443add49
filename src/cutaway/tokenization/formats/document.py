"""A JSON document whose every value knows its place, so that an error can name it: added_tokens[1].id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cutaway.core.errors import FormatError

_MISSING: Any = object()
_MOST_SHOWN = 80
_SHOWN = 5
_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a whole number"}


@dataclass(frozen=True)
class Node:
    """One value of a document.

    Attributes:
        value: what JSON has there.
        place: where it stands.
        path: the file.
    """

    value: Any
    place: str
    path: Path

    def __getitem__(self, name: str) -> Node:
        """Return a member of an object; one that is missing has no value, which only `given` accepts."""
        self.expect(dict)
        return Node(self.value.get(name, _MISSING), f"{self.place}.{name}".lstrip("."), self.path)

    def __iter__(self) -> Iterator[Node]:
        """Yield the entries of a list."""
        self.expect(list)
        for at, value in enumerate(self.value):
            yield Node(value, f"{self.place}[{at}]", self.path)

    @property
    def given(self) -> bool:
        """Whether there is a value, and it is not null."""
        return self.value is not None and self.value is not _MISSING

    def expect(self, kind: type) -> None:
        """Raise unless the value is of this kind."""
        if type(self.value) is not kind:
            self.fail(f"must be {_NAMES[kind]}")

    def text(self) -> str:
        """Return a string."""
        self.expect(str)
        return str(self.value)

    def flag(self, default: bool | None = None) -> bool:
        """Return true or false."""
        if not self.given and default is not None:
            return default
        self.expect(bool)
        return bool(self.value)

    def number(self, default: int | None = None) -> int:
        """Return a whole number from 0 to 2**32 - 1."""
        if not self.given and default is not None:
            return default
        self.expect(int)
        if not 0 <= self.value < 1 << 32:
            self.fail("must be from 0 to 4294967295")
        return int(self.value)

    def fail(self, what: str) -> NoReturn:
        """Raise a FormatError that names the file, the place and the value.

        Raises:
            FormatError: always.
        """
        if self.value is _MISSING:
            raise FormatError(f"{self.path} has no {self.place}: it is not a whole tokenizer.json")
        where = self.place or "the document"
        raise FormatError(f"{self.path}: {where} is {short(self.value)}: it {what}")


def read_document(path: Path) -> Node:
    """Read a JSON file whose top is an object.

    Args:
        path: the file.

    Raises:
        FormatError: not UTF-8, not JSON, nested too deeply, a key twice in an object, no object at the top.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=_object)
    except RecursionError as error:
        raise FormatError(f"{path} is nested too deeply to be a tokenizer: fetch it again") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: byte {error.start} is not valid UTF-8: fetch it again") from error
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}: fetch it again"
        ) from error
    except _TwiceError as error:
        raise FormatError(f"{path}: {error}: remove one of each") from error
    if not isinstance(value, dict):
        raise FormatError(f"{path} holds a {type(value).__name__}, not a JSON object: fetch it again")
    return Node(value, "", path)


class _TwiceError(Exception):
    """An object has keys twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        again = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
        shown = ", ".join(repr(key) for key in again[:_SHOWN])
        raise _TwiceError(f"{len(again)} keys stand twice in one object: {shown}")
    return made


def short(value: Any) -> str:
    """Return a value as an error may show it."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."
