"""Fetching a source's files into the cache: `pooch` for addresses, `huggingface_hub` for the hub (hub.py)."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import IO

from cutaway.catalog.entry import Archive, Source
from cutaway.catalog.hub import Report, fetch_from_hub, one_line
from cutaway.core.errors import ResourceError
from cutaway.core.files import whole_file


def download(source: Source, folder: Path, report: Report | None) -> None:
    """Fetch a source's files into `folder`, each whole or absent.

    Raises:
        ResourceError: the network or the server said no, or what came is not what is on record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if source.archive:
        _from_archive(source, source.archive, folder, report)
    elif source.hub:
        fetch_from_hub(source.hub, source.files, folder, report)
    else:
        for file in source.files:
            _retrieve(f"{source.url}{file.name}", file.sha256, folder, report)


def _retrieve(url: str, sha256: str, folder: Path, report: Report | None) -> Path:
    import pooch
    import requests

    name = url.rsplit("/", 1)[-1]
    fetch = pooch.HTTPDownloader(progressbar=_Meter(name, report) if report else False, timeout=30)
    pooch.get_logger().setLevel("ERROR")
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder, downloader=fetch))
    except requests.ConnectionError as error:
        raise ResourceError("no connection") from error
    except (OSError, ValueError, requests.RequestException) as error:
        raise ResourceError(one_line(error)) from error


def _from_archive(source: Source, archive: Archive, folder: Path, report: Report | None) -> None:
    path = _retrieve(archive.url, archive.sha256, folder, report)
    try:
        with zipfile.ZipFile(path) as opened:
            for file in source.files:
                with opened.open(file.name) as packed, whole_file(folder / file.name) as part:
                    _copy(packed, part)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ResourceError(one_line(error)) from error
    path.unlink()


def _copy(packed: IO[bytes], path: Path) -> None:
    with path.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 20)


class _Meter:
    """What `pooch` expects of a progress bar, told on to a callback."""

    def __init__(self, name: str, report: Report) -> None:
        self._name, self._report = name, report
        self.total, self._done = 0, 0

    def update(self, count: int) -> None:
        self._done += count
        self._report(self._name, self._done, self.total)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._report(self._name, self._done, self.total)
