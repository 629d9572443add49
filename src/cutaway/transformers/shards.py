"""A checkpoint's weights from one file or from several: an index says which key lies where.

Source:
    https://huggingface.co/docs/safetensors, and the field's model.safetensors.index.json, whose
    `weight_map` maps each key to a file beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.transformers.safetensors_file import HeaderLimits, map_tensors

_LONGEST_INDEX = 64_000_000
_SHOWN = 5


def map_weights(path: Path, *, limits: HeaderLimits | None = None) -> dict[str, Tensor]:
    """Map the tensors of a safetensors file, or of all the files that an index names.

    Args:
        path: model.safetensors or model.safetensors.index.json.
        limits: how long each header may be.

    Returns:
        The tensors by name.

    Raises:
        MissingFileError: a file that the index names is not there.
        FormatError: the index is not one, or the files do not hold exactly the keys it lists.
    """
    if path.suffix != ".json":
        return map_tensors(path, limits=limits)
    places = _read_index(path)
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        shard = path.with_name(name)
        if not shard.is_file():
            raise MissingFileError(f"there is no file {shard}, which {path.name} names")
        found = map_tensors(shard, limits=limits)
        listed = {key for key, file in places.items() if file == name}
        if found.keys() != listed:
            wrong = sorted(found.keys() ^ listed)
            raise FormatError(
                f"{shard} and {path.name} differ by {len(wrong)} keys: {', '.join(wrong[:_SHOWN])}"
            )
        tensors |= found
    return tensors


def _read_index(path: Path) -> dict[str, str]:
    """Return key to file name, each name a plain one beside the index."""
    if path.stat().st_size > _LONGEST_INDEX:
        raise FormatError(f"{path} has {path.stat().st_size} bytes, over the limit of {_LONGEST_INDEX}")
    try:
        index = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise FormatError(f"{path} has no weight_map from keys to files")
    for key, name in places.items():
        # A name with a folder in it could lead anywhere on the disk.
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise FormatError(f"{path}: {key!r} lies in {name!r}: expected a .safetensors file beside it")
    return places
