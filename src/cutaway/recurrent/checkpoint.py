"""A trained sequence classifier on disk: its own weights, and which vectors it reads.

The vector table is not stored: the config names it, and the sha256 of its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from cutaway.core.errors import ChecksumError, FormatError, MissingFileError, UsageError
from cutaway.core.files import sha256_of, whole_file, write_text
from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
from cutaway.recurrent.reading import ReadingSettings

FORMAT = "cutaway-recurrent-classifier/1"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True)
class VectorsUsed:
    """The table a classifier was trained over.

    Attributes:
        name: a catalog name or a path.
        words: how many it has.
        dim: numbers in a vector.
        sample_sha256: a digest of some of its rows, spread over the whole table.
    """

    name: str
    words: int
    dim: int
    sample_sha256: str

    @classmethod
    def of(cls, name: str, table: NDArray[np.floating]) -> VectorsUsed:
        """Describe a table.

        Args:
            name: what it is called.
            table: (V, E) float.

        Example:
            >>> VectorsUsed.of("v", np.zeros((2, 3), dtype=np.float32)).words
            2
        """
        rows = np.linspace(0, len(table) - 1, num=min(len(table), 1000)).astype(np.int64)
        sample = np.ascontiguousarray(table[rows], dtype="<f4").tobytes()
        digest = hashlib.sha256(sample).hexdigest()
        return cls(name=name, words=len(table), dim=table.shape[1], sample_sha256=digest)


def save_classifier(model: SequenceClassifier, vectors: VectorsUsed, folder: Path) -> None:
    """Write a classifier, each file whole or absent, the config last.

    Args:
        model: the classifier.
        vectors: the table it reads.
        folder: made if it is not there.
    """
    with whole_file(folder / WEIGHTS) as part:
        save_file({name: p.detach().contiguous() for name, p in model.state_dict().items()}, part)
    config = {
        "format": FORMAT,
        "vectors": asdict(vectors),
        "settings": asdict(model.settings),
        "weights_sha256": sha256_of(folder / WEIGHTS),
    }
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_classifier(folder: Path, open_table: Callable[[str], NDArray[np.floating]]) -> SequenceClassifier:
    """Load a classifier, ready to predict.

    Args:
        folder: holds config.json and model.safetensors.
        open_table: gives the vectors, (V, E) float, by the name in the config.

    Returns:
        The classifier over its vectors.

    Raises:
        MissingFileError: one of the files is not there.
        FormatError: a file is damaged, or the vectors are not those it was trained over.
        ChecksumError: the weights are not those that the config was written for.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingFileError(f"{folder} is no trained classifier: it lacks {name}")
    config = _read_config(folder / CONFIG)
    try:
        used = VectorsUsed(**config["vectors"])
        settings = _settings(config["settings"])
        recorded = str(config["weights_sha256"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{folder / CONFIG}: a setting is missing or unusable: {error}") from error
    actual = sha256_of(folder / WEIGHTS)
    if actual != recorded:
        raise ChecksumError(
            f"{folder / WEIGHTS} has sha256 {actual[:12]}…, its config says {recorded[:12]}…: "
            "the file was damaged or replaced"
        )
    table = open_table(used.name)
    if VectorsUsed.of(used.name, table) != used:
        raise FormatError(f"{folder} was trained over another {used.name} than the one on this machine")
    return _build(settings, table, folder / WEIGHTS).eval()


def _settings(fields: dict[str, Any]) -> ClassifierSettings:
    for name in ("hidden", "layers"):
        if type(fields[name]) is not int:
            raise TypeError(f"{name} is {fields[name]!r}, not a whole number")
    labels = fields["labels"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise TypeError(f"the labels are {labels!r}, not a list of names")
    reading = ReadingSettings(**fields["reading"])
    return ClassifierSettings(**{**fields, "labels": tuple(labels), "reading": reading})


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise FormatError(f"{path} does not describe a {FORMAT} model")
    return config


def _build(settings: ClassifierSettings, table: NDArray[np.floating], path: Path) -> SequenceClassifier:
    """Make the classifier of stored weights; all must be there, of their shape, finite, nothing else."""
    try:
        stored = load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise FormatError(f"{path} is not a readable safetensors file: {error}") from error
    for name, tensor in stored.items():
        if not tensor.is_floating_point():
            raise FormatError(f"{path}: tensor {name} holds {tensor.dtype}, not floating point")
        if not bool(torch.isfinite(tensor).all()):
            raise FormatError(f"{path}: tensor {name} holds NaN or infinity")
    if len(stored) < settings.layers:
        raise FormatError(f"{path} holds {len(stored)} tensors: too few for {settings.layers} layers")
    try:
        # Without storage: a config may claim any size, and only the file's tensors take memory.
        with torch.device("meta"):
            model = SequenceClassifier(settings, table)
        weights = {name: tensor.to(torch.float32) for name, tensor in stored.items()}
        model.load_state_dict(weights, strict=True, assign=True)
    except (RuntimeError, TypeError, UsageError) as error:
        raise FormatError(f"{path} does not fit its config: {' '.join(str(error).split())[:200]}") from error
    return model
