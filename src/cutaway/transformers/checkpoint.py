"""A checkpoint folder to a module's parameters: every key accounted for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cutaway.catalog.entry import entry
from cutaway.catalog.resolve import resolve
from cutaway.core.errors import FormatError, MissingFileError
from cutaway.transformers.safetensors_file import PICKLES, HeaderLimits

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a model's files lie.

    Attributes:
        name: what the user called it.
        weights: the safetensors file.
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


def _in_folder(folder: Path) -> Checkpoint:
    weights = folder / WEIGHTS
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if not weights.is_file() and pickled:
        raise FormatError(f"{folder} has only {pickled}, which are never unpickled: save {WEIGHTS} instead")
    for file in (weights, folder / CONFIG):
        if not file.is_file():
            raise MissingFileError(f"there is no file {file}: a checkpoint folder has {CONFIG} and {WEIGHTS}")
    return Checkpoint(name=str(folder), weights=weights, config=folder / CONFIG)


def limits_for(keys: Mapping[str, str]) -> HeaderLimits:
    """Return how long the header of a checkpoint with these keys can honestly be.

    Args:
        keys: parameter name to checkpoint key.

    Returns:
        Room for twice the tensors and a kilobyte each, and a megabyte of metadata.
    """
    tensors = 2 * len(keys) + 100
    return HeaderLimits(header_bytes=min(1_000_000 + 1_000 * tensors, 16_000_000), tensors=tensors)


def assign(
    module: nn.Module, tensors: Mapping[str, Tensor], keys: Mapping[str, str], *, ignored: Sequence[str]
) -> None:
    """Make a checkpoint's tensors the module's parameters, without copying float32.

    Args:
        module: its parameters may be on the meta device: they are replaced.
        tensors: the checkpoint.
        keys: parameter name to checkpoint key.
        ignored: checkpoint keys that carry no weights.

    Raises:
        FormatError: keys are missing, unexpected, of another shape, or not floating point.
    """
    shapes = {keys[name]: parameter.shape for name, parameter in module.named_parameters()}
    problems = {
        "missing": sorted(shapes.keys() - tensors.keys()),
        "unexpected": sorted(tensors.keys() - shapes.keys() - set(ignored)),
        "of another shape": [
            f"{key} {list(tensors[key].shape)} instead of {list(shape)}"
            for key, shape in shapes.items()
            if key in tensors and tensors[key].shape != shape
        ],
        "not floating point": [
            f"{key} ({tensors[key].dtype})"
            for key in shapes
            if key in tensors and not tensors[key].is_floating_point()
        ],
    }
    told = [f"{len(found)} keys {what}: {_list(found)}" for what, found in problems.items() if found]
    if told:
        raise FormatError(f"the weights do not fit the configuration: {'; '.join(told)}")
    module.load_state_dict(
        {name: tensors[key].to(torch.float32) for name, key in keys.items()}, strict=True, assign=True
    )


def _list(found: Sequence[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
