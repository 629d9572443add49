"""A checkpoint folder to a module's parameters: every key accounted for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from cutaway.catalog.entry import entry
from cutaway.catalog.resolve import resolve
from cutaway.core.errors import FormatError, MissingFileError
from cutaway.core.files import sha256_of
from cutaway.transformers.key_maps import FAMILIES, Stored
from cutaway.transformers.safetensors_file import PICKLES, HeaderLimits

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
CONFIG = "config.json"
_SHOWN = 5

Numbers = Literal["unknown", "verified"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a model's files lie.

    Attributes:
        name: what the user called it.
        weights: the safetensors file, or the index of several.
        config: its config.json.
        sha256: the weights' hash where the catalog knows it, else empty.
    """

    name: str
    weights: Path
    config: Path
    sha256: str = ""


def find_checkpoint(name_or_path: str | Path) -> Checkpoint:
    """Find a model's files by catalog name or folder.

    Args:
        name_or_path: "all-MiniLM-L6-v2", or a folder with config.json and model.safetensors.

    Returns:
        The files.

    Raises:
        MissingFileError: the folder, or one of the two files in it, is not there.
        FormatError: pickled weights were asked for, or are all that the folder has.
    """
    path = Path(name_or_path)
    if path.suffix in PICKLES:
        raise FormatError(f"{path} may hold pickled objects and is never read: give a folder with {WEIGHTS}")
    if path.is_dir():
        return _in_folder(path)
    if isinstance(name_or_path, Path) or os.sep in name_or_path:
        raise MissingFileError(f"there is no folder {path}: give one with {CONFIG} and {WEIGHTS}")
    found = resolve(name_or_path)
    if WEIGHTS not in found.files or CONFIG not in found.files:
        raise FormatError(f"{name_or_path} is not a model: it has {sorted(found.files)}")
    hashes = [
        file.sha256 for source in entry(name_or_path).sources for file in source.files if file.name == WEIGHTS
    ]
    return Checkpoint(
        name=name_or_path, weights=found.files[WEIGHTS], config=found.files[CONFIG], sha256=hashes[0]
    )


def weights_sha256(name_or_path: str | Path) -> str:
    """Return what tells a checkpoint's weights from all others.

    Args:
        name_or_path: a catalog name, or a folder.

    Returns:
        The sha256 of its safetensors file; of weights in shards, that of their sha256 in the files' order.
    """
    files = find_checkpoint(name_or_path)
    if files.sha256:
        return files.sha256
    if files.weights.name == WEIGHTS:
        return sha256_of(files.weights)
    shards = sorted(files.weights.parent.glob("*.safetensors"))
    return hashlib.sha256("".join(map(sha256_of, shards)).encode()).hexdigest()


def _in_folder(folder: Path) -> Checkpoint:
    weights = folder / (INDEX if (folder / INDEX).is_file() and not (folder / WEIGHTS).is_file() else WEIGHTS)
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if not weights.is_file() and pickled:
        raise FormatError(f"{folder} has only {pickled}, which are never unpickled: save {WEIGHTS} instead")
    for file in (weights, folder / CONFIG):
        if not file.is_file():
            raise MissingFileError(f"there is no file {file}: a checkpoint folder has {CONFIG} and {WEIGHTS}")
    return Checkpoint(name=str(folder), weights=weights, config=folder / CONFIG)


def limits_for(parameters: int) -> HeaderLimits:
    """Return how long the header of a checkpoint of so many parameters can honestly be.

    Args:
        parameters: how many tensors the configuration asks for.

    Returns:
        Room for twice the tensors and a kilobyte each, and a megabyte of metadata.
    """
    tensors = 2 * parameters + 100
    return HeaderLimits(header_bytes=min(1_000_000 + 1_000 * tensors, 16_000_000), tensors=tensors)


def body_of(tensors: Mapping[str, Tensor], family: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return a checkpoint's body, its keys as a model without a head has them.

    Args:
        tensors: the checkpoint.
        family: whose keys they are.

    Returns:
        The tensors, and the keys of heads, which are left out. So are buffers and repetitions of the
        token table; the names that the first BERT gave its norms ("gamma", "beta") are today's.
    """
    names = FAMILIES[family]
    headed = bool(names.prefix) and any(key.startswith(names.prefix) for key in tensors)
    body, left_out = {}, []
    for key, tensor in tensors.items():
        if headed and key.startswith(names.heads):
            left_out.append(key)
            continue
        own = key.removeprefix(names.prefix) if headed else key
        if own.endswith(names.ignored) or own in names.tied:
            continue
        body[todays_name(own)] = tensor
    return body, tuple(left_out)


def todays_name(key: str) -> str:
    """Return a key as it is written today: the first BERT called a norm's parameters gamma and beta.

    Args:
        key: of a checkpoint.

    Example:
        >>> todays_name("embeddings.LayerNorm.gamma")
        'embeddings.LayerNorm.weight'
    """
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def assign(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    places: Mapping[str, Stored],
    *,
    numbers: Numbers = "unknown",
    name: str = "",
) -> None:
    """Make a checkpoint's tensors the module's parameters, without copying float32.

    Args:
        module: its parameters may be on the meta device: they are replaced.
        tensors: the checkpoint; every one of them must have its place.
        places: where each parameter lies.
        numbers: "verified" where a hash on record says that these are the real weights: they are not
            looked at, which would read pages of the file that a short text never needs.
        name: of the checkpoint, for the error.

    Raises:
        FormatError: keys are missing, unexpected, of another shape, not floating point, or hold NaN.
    """
    shapes = {
        places[name].key: places[name].shape(tuple(own.shape)) for name, own in module.named_parameters()
    }
    here = {key: tensors[key] for key in shapes if key in tensors}
    problems = {
        "missing": sorted(shapes.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - shapes.keys()),
        "of another shape": [
            f"{key} {list(tensor.shape)} instead of {list(shapes[key])}"
            for key, tensor in here.items()
            if tuple(tensor.shape) != shapes[key]
        ],
        "not floating point": [
            f"{key} ({tensor.dtype})" for key, tensor in here.items() if not tensor.is_floating_point()
        ],
        "with NaN or infinity": [
            key for key, tensor in here.items() if numbers == "unknown" and not _finite(tensor)
        ],
    }
    told = [f"{len(found)} keys {what}: {_list(found)}" for what, found in problems.items() if found]
    if told:
        whose = f"{name}: the" if name else "the"
        raise FormatError(f"{whose} weights do not fit the configuration: {'; '.join(told)}")
    module.load_state_dict(
        {name: place.take(tensors[place.key]).to(torch.float32) for name, place in places.items()},
        strict=True,
        assign=True,
    )


def _finite(tensor: Tensor) -> bool:
    # One sum is finite unless a number is not, or the sum itself overflows: only then look at each.
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _list(found: Sequence[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
