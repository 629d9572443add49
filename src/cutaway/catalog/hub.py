"""Files of a Hugging Face hub, or of the mirror that HF_ENDPOINT names, held against the catalog's record.

The hub lists each large file's sha256 before it sends a byte: where its list and the record differ, nothing
is fetched. What comes is hashed all the same, in a folder of its own, and only then takes its place.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cutaway.core.errors import ResourceError
from cutaway.core.files import sha256_of

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

    from cutaway.catalog.entry import FileRecord, Hub

# Called with (file name, bytes so far, bytes in all).
Report = Callable[[str, int, int], None]
Answer = TypeVar("Answer")

HUB = "https://huggingface.co"
# Where files lie until they are verified; what an interrupted download left here is gone on with.
UNVERIFIED = ".unverified"
_BUSY = (408, 429, 500, 502, 503, 504)
# Seconds to wait before each further try.
_WAITS = (1.0, 2.0, 4.0)
_LONGEST_WAIT = 60.0


def fetch_from_hub(hub: Hub, files: Sequence[FileRecord], folder: Path, report: Report | None = None) -> None:
    """Fetch files of a hub's repository, each verified before it takes its place.

    No token is sent: everything that the catalog names is public.

    Args:
        hub: the repository and its revision.
        files: which ones, with the sha256 of each.
        folder: where to.
        report: called as the bytes come.

    Raises:
        ResourceError: the hub is not there or stays busy, has no such revision or file, or what it has is
            not what is on record.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    with _quiet():
        _compare(hub, files, endpoint)
        for file in files:
            found = folder / file.name
            if not (found.is_file() and sha256_of(found) == file.sha256):
                _fetch(hub, file, folder, endpoint, report)
    shutil.rmtree(folder / UNVERIFIED, ignore_errors=True)


def _compare(hub: Hub, files: Sequence[FileRecord], endpoint: str) -> None:
    """Refuse a hub whose own list is not the record."""
    from huggingface_hub import HfApi

    ask = HfApi(endpoint=endpoint, token=False).model_info
    info = _patiently(lambda: ask(hub.repo, revision=hub.revision, files_metadata=True, timeout=30))
    if info.sha != hub.revision:
        raise ResourceError(f"{endpoint} answers with revision {info.sha} of {hub.repo}, not {hub.revision}")
    listed = {sibling.rfilename: sibling for sibling in info.siblings or []}
    for file in files:
        if file.name not in listed:
            raise ResourceError(f"{endpoint} has no file {file.name} in {hub.repo} at {hub.revision}")
        told = _sha256(listed[file.name])
        if told and told != file.sha256:
            raise ResourceError(
                f"{endpoint} lists {file.name} of {hub.repo} with sha256 {told[:12]}…, "
                f"on record is {file.sha256[:12]}…: nothing was fetched"
            )


def _sha256(listed: RepoSibling) -> str:
    """Return what the hub says a large file's hash is; it hashes small ones otherwise."""
    return listed.lfs.sha256 if listed.lfs else ""


def _fetch(hub: Hub, file: FileRecord, folder: Path, endpoint: str, report: Report | None) -> None:
    from huggingface_hub import hf_hub_download

    came = Path(
        _patiently(
            lambda: hf_hub_download(
                hub.repo,
                file.name,
                revision=hub.revision,
                local_dir=folder / UNVERIFIED,
                endpoint=endpoint,
                token=False,
                tqdm_class=_meter(file, report),
            )
        )
    )
    actual, size = sha256_of(came), came.stat().st_size
    if actual != file.sha256:
        came.unlink()
        raise ResourceError(
            f"{endpoint} sent {size} bytes with sha256 {actual[:12]}… as {file.name}, "
            f"on record are {file.bytes} with {file.sha256[:12]}…: they were thrown away"
        )
    came.replace(folder / file.name)


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask again, a few times and later each time, while the server is busy or the line breaks."""
    from huggingface_hub import close_session
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    waits = iter(_WAITS)
    while True:
        try:
            return ask()
        except OfflineModeIsEnabled as error:
            raise ResourceError("HF_HUB_OFFLINE=1 forbids the network") from error
        except HfHubHTTPError as error:
            wait = next(waits, None) if error.response.status_code in _BUSY else None
            if wait is None:
                raise ResourceError(one_line(error)) from error
            time.sleep(max(wait, _asked_wait(error.response.headers)))
        except Exception as error:
            if not _broken_line(error):
                raise ResourceError(one_line(error)) from error
            wait = next(waits, None)
            if wait is None:
                raise ResourceError(f"no connection: {one_line(error)}") from error
            close_session()
            time.sleep(wait)


def _broken_line(error: Exception) -> bool:
    """Say whether trying again may help: no connection, a timeout, a body that ends too soon."""
    too_short = isinstance(error, OSError) and "Consistency check failed" in str(error)
    return too_short or any(
        kind.__name__ in ("NetworkError", "TimeoutException", "RemoteProtocolError")
        for kind in type(error).__mro__
    )


def _asked_wait(headers: Any) -> float:
    """Return how long a busy server asks to be left alone, in seconds; 0 if it does not say."""
    asked = headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdigit() else 0.0


def _meter(file: FileRecord, report: Report | None) -> Any:
    """Return what the hub's client takes for a progress bar: it draws nothing and tells the callback."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Told(tqdm):  # type: ignore[misc]
        """A bar that tells instead of drawing."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **(kwargs | {"disable": True}))
            self.done = int(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self.done += int(n or 0)
            if report:
                report(file.name, self.done, file.bytes)
            return None

    return Told


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's own warnings of each retry off the terminal while open."""
    from huggingface_hub.utils.logging import get_logger  # sets a level of its own when it is first imported

    log = get_logger("huggingface_hub")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def one_line(error: Exception) -> str:
    """Return an error's kind and its message, without the line breaks that clients like.

    Args:
        error: any.

    Example:
        >>> one_line(ValueError("no\\n  such host"))
        'ValueError: no such host'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
