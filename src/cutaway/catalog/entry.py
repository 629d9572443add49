"""What the catalog says of a name: what the thing is, and each way to have it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cutaway.core.errors import UnknownNameError

Part = Literal["whole", "tokenizer"]

ENTRIES = Path(__file__).with_name("entries.toml")


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file: its name, its size in bytes and the sha256 that makes it the real thing."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A download that holds a source's files: `unpack` says how ("zip")."""

    url: str
    bytes: int
    sha256: str
    unpack: str


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A Hugging Face repository, pinned to a revision."""

    repo: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """One way to have an entry.

    Attributes:
        layout: how the files are to be read.
        files: every file it must hold.
        part: how much of the thing that is: of a checkpoint perhaps only its tokenizer.
        folder: its folder's name below a data folder, by default the entry's name.
        package: the folder inside an installed distribution that carries the files.
        install: the command that installs that distribution.
        archive, hub, url: where to download from; `url` is a folder that the file names are added to.
    """

    layout: str
    files: tuple[FileRecord, ...]
    folder: str
    part: Part = "whole"
    package: str | None = None
    install: str | None = None
    archive: Archive | None = None
    hub: Hub | None = None
    url: str | None = None

    @property
    def origin(self) -> str | None:
        """Where it would be downloaded from, for people."""
        if self.archive:
            return self.archive.url
        return f"hub repository {self.hub.repo}" if self.hub else self.url


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One known name."""

    name: str
    kind: str
    title: str
    license: str
    citation: str
    sources: tuple[Source, ...]

    def ways(self, part: Part) -> tuple[Source, ...]:
        """Return the sources that will do for a part of the thing: those of the part alone come first.

        Args:
            part: what is wanted; a whole thing has every part.
        """
        return tuple(
            source for had in dict.fromkeys((part, "whole")) for source in self.sources if source.part == had
        )


@cache
def entries() -> dict[str, Entry]:
    """Return every entry by name, in the order of the file."""
    table = tomllib.loads(ENTRIES.read_text(encoding="utf-8"))
    return {name: _entry(name, fields) for name, fields in table.items()}


def entry(name: str) -> Entry:
    """Return the entry called `name`.

    Raises:
        UnknownNameError: the catalog has no such name.
    """
    known = entries()
    if name not in known:
        raise UnknownNameError(f"the catalog has no {name!r}: it has {', '.join(known)}")
    return known[name]


def _entry(name: str, fields: dict[str, Any]) -> Entry:
    sources = tuple(_source(name, source) for source in fields.pop("sources"))
    return Entry(name=name, sources=sources, **fields)


def _source(name: str, fields: dict[str, Any]) -> Source:
    fields["files"] = tuple(FileRecord(**file) for file in fields["files"])
    if "archive" in fields:
        fields["archive"] = Archive(**fields["archive"])
    if "hub" in fields:
        fields["hub"] = Hub(**fields["hub"])
    return Source(**{"folder": name, **fields})
