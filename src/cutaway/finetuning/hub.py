"""A data set of the Hugging Face hub by name: its Parquet files, as the hub itself converts them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cutaway.core.errors import DataError, OfflineError, ResourceError

PREFIX = "hub:"
NAME = re.compile(r"(?P<repo>[\w.-]+(/[\w.-]+)?)(/(?P<config>[\w.-]+))?")
CONVERTED = "refs/convert/parquet"


def is_hub_name(source: str) -> bool:
    """Return whether a source names a data set of the hub: `hub:owner/name` or `hub:owner/name/part`.

    Args:
        source: what the user named.
    """
    return source.startswith(PREFIX)


def fetch_split(source: str, split: str) -> Path:
    """Return a folder with the Parquet files of one split, from the hub's cache or the hub.

    Args:
        source: `hub:owner/name`, or `hub:owner/name/part` of a data set that has parts.
        split: "train" or "test".

    Returns:
        The folder.

    Raises:
        DataError: the name cannot be one, or the data set has no such part or split.
        OfflineError: the data set is not in the cache, and the network may not or cannot be used.
        ResourceError: the hub says no.

    Source:
        Hugging Face hub documentation, "Parquet conversion": branch refs/convert/parquet,
        <part>/<split>/0000.parquet.
    """
    match = NAME.fullmatch(source.removeprefix(PREFIX))
    if match is None or ".." in source:
        raise DataError(
            f"{source!r} names no data set of the hub: write hub:owner/name or hub:owner/name/part"
        )
    repo, config = match["repo"], match["config"]
    folder = _snapshot(repo, f"{config or '*'}/{split}/*.parquet")
    parts = sorted(place.name for place in folder.iterdir() if (place / split).is_dir())
    if not parts:
        raise DataError(f"{source} has no part with a split {split!r} in Parquet")
    if config is None and len(parts) > 1 and "default" not in parts:
        raise DataError(
            f"{source} has several parts: name one, as in {PREFIX}{repo}/{parts[0]}; it has {parts}"
        )
    chosen = config or ("default" if "default" in parts else parts[0])
    if chosen not in parts:
        raise DataError(f"{source} has no part {chosen!r} with a split {split!r}: it has {parts}")
    return folder / chosen / split


def _snapshot(repo: str, pattern: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = os.environ.get("CUTAWAY_OFFLINE") == "1"
    try:
        return Path(
            snapshot_download(
                repo,
                repo_type="dataset",
                revision=CONVERTED,
                allow_patterns=[pattern],
                local_files_only=offline,
            )
        )
    except LocalEntryNotFoundError as error:
        why = "CUTAWAY_OFFLINE=1 forbids the network" if offline else "the hub cannot be reached"
        raise OfflineError(
            f"the data set {repo} is not in the hub's cache and {why}: fetch it where there is a network, or "
            "name a file"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ResourceError(
            f"the hub did not give {repo}: {(str(error).splitlines() or [''])[0][:200]}"
        ) from error
