"""A name to verified local files: data folders, installed packages, the cache, then the network.

Whatever the place, the sha256 decides. A file that matched once is remembered by path, size, inode
and times, so that ninety megabytes are not hashed at every start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cutaway.catalog.download import download
from cutaway.catalog.entry import Entry, FileRecord, Part, Source, entry
from cutaway.catalog.hub import Report
from cutaway.core.errors import ChecksumError, MissingFileError, OfflineError, ResourceError
from cutaway.core.files import sha256_of, write_text
from cutaway.core.home import cache_home


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Where an entry's verified files lie, and how they are to be read."""

    name: str
    layout: str
    folder: Path
    files: Mapping[str, Path]
    origin: str


def resolve(name: str, *, part: Part = "whole", report: Report | None = None) -> Resolved:
    """Find an entry's files on this machine, or download them, and verify each.

    Args:
        name: a catalog name.
        part: "tokenizer" is content with a source that has a checkpoint's tokenizer alone.
        report: called with (file name, bytes so far, bytes in all) during a download.

    Returns:
        The folder, the files by name, and how to read them.

    Raises:
        UnknownNameError: the catalog has no such name.
        ChecksumError: a file is there but its sha256 is not the one on record.
        OfflineError: the files are not here, and the network may not or cannot be used.
    """
    wanted = entry(name)
    found = locate(wanted, part)
    return found if found else _download(wanted, part, report)


def locate(wanted: Entry, part: Part = "whole") -> Resolved | None:
    """Return the entry's files if they are on this machine, verified; None if they are not.

    Args:
        wanted: the entry.
        part: as for `resolve`.

    Raises:
        ChecksumError: a file is there but its sha256 is not the one on record.
    """
    found = _find(wanted, part)
    if found:
        for file in _records(wanted, found):
            _check(found.files[file.name], file)
    return found


def verify(wanted: Entry) -> Resolved:
    """Hash every file of an entry again, whatever is remembered; of a part, if only that is here.

    Raises:
        ChecksumError: a file's sha256 is not the one on record.
        MissingFileError: the entry's files are not on this machine.
    """
    found = _find(wanted, "whole") or _find(wanted, "tokenizer")
    if found is None:
        raise MissingFileError(
            f"{wanted.name} is not on this machine: run 'cutaway catalog fetch {wanted.name}'"
        )
    for file in _records(wanted, found):
        _hash(found.files[file.name], file)
    return found


def _find(wanted: Entry, part: Part) -> Resolved | None:
    """Return the first place that holds every file of one source, not yet verified."""
    for source, folder, origin in _places(wanted, part):
        paths = {file.name: folder / file.name for file in source.files}
        if all(path.is_file() for path in paths.values()):
            return Resolved(name=wanted.name, layout=source.layout, folder=folder, files=paths, origin=origin)
    return None


def _records(wanted: Entry, found: Resolved) -> tuple[FileRecord, ...]:
    return next(source.files for source in wanted.sources if source.layout == found.layout)


def _places(wanted: Entry, part: Part) -> Iterator[tuple[Source, Path, str]]:
    """Yield each folder where a source's files may lie, in the order of the design."""
    given = [Path(folder) for folder in os.environ.get("CUTAWAY_DATA", "").split(":") if folder]
    sources = wanted.ways(part)
    for source in sources:
        for folder in given:
            yield source, folder / source.folder, f"data folder {folder}"
    for source in sources:
        inside = _package_folder(source.package) if source.package else None
        if source.package and inside:
            yield source, inside, f"package {source.package.split('/')[0]}"
    for source in sources:
        yield source, cache_home() / "catalog" / wanted.name, "cache"


def _package_folder(package: str) -> Path | None:
    top, _, inside = package.partition("/")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _download(wanted: Entry, part: Part, report: Report | None) -> Resolved:
    sources = wanted.ways(part)
    ways = [source.origin for source in sources if source.origin]
    packages = [source.install for source in sources if source.install]
    how = " or ".join([f"'{command}'" for command in packages] + ["a folder named in CUTAWAY_DATA"])
    if os.environ.get("CUTAWAY_OFFLINE") == "1" or not ways:
        if not ways:
            raise OfflineError(
                f"{wanted.name} is not on this machine and it cannot be downloaded: get it with {how}"
            )
        raise OfflineError(
            f"{wanted.name} is not on this machine and CUTAWAY_OFFLINE=1 forbids the network: get it with "
            f"'cutaway catalog fetch {wanted.name}' without that, or with {how}"
        )
    folder = cache_home() / "catalog" / wanted.name
    problems = []
    for source in sources:
        try:
            if source.origin:
                download(source, folder, report)
        except ResourceError as error:
            problems.append(f"{source.origin}: {error}")
        found = locate(wanted, part)
        if found:
            return found
    tried = "; ".join(problems)
    raise OfflineError(f"{wanted.name} is not here and could not be fetched ({tried}): get it with {how}")


def _check(path: Path, file: FileRecord) -> None:
    """Verify a file unless this very file, untouched, was verified before."""
    memory_file = cache_home() / "verified.json"
    memory = _read_memory(memory_file)
    stat = path.stat()
    stamp = [file.sha256, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
    if memory.get(str(path.resolve())) == stamp:
        return
    _hash(path, file)
    try:
        write_text(memory_file, json.dumps({**_read_memory(memory_file), str(path.resolve()): stamp}))
    except ResourceError:
        return  # a read-only home: hash again next time


def _hash(path: Path, file: FileRecord) -> None:
    actual = sha256_of(path)
    if actual != file.sha256:
        size = path.stat().st_size
        raise ChecksumError(
            f"{path} is not the file on record: {size} bytes with sha256 {actual[:12]}…, "
            f"expected {file.bytes} bytes with {file.sha256[:12]}…: remove it and fetch it again"
        )


def _read_memory(path: Path) -> dict[str, object]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
