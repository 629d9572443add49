"""A trained encoder-decoder on disk: its settings, and its weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file

from cutaway.core.errors import ChecksumError, FormatError, MissingFileError, UsageError
from cutaway.core.files import sha256_of, whole_file, write_text
from cutaway.recurrent.seq2seq import Seq2Seq
from cutaway.recurrent.seq2seq_settings import Seq2SeqSettings

FORMAT = "cutaway-seq2seq/1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_seq2seq(model: Seq2Seq, folder: Path) -> None:
    """Write a model, each file whole or absent, the config last.

    Args:
        model: the encoder-decoder.
        folder: made if it is not there.
    """
    with whole_file(folder / WEIGHTS) as part:
        save_file({name: p.detach().contiguous() for name, p in model.state_dict().items()}, part)
    config = {
        "format": FORMAT,
        "settings": asdict(model.settings),
        "weights_sha256": sha256_of(folder / WEIGHTS),
    }
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_seq2seq(folder: Path) -> Seq2Seq:
    """Load a model, ready to translate.

    Args:
        folder: holds config.json and model.safetensors.

    Returns:
        The model, in evaluation mode.

    Raises:
        MissingFileError: one of the files is not there.
        FormatError: a file is damaged, or the weights do not fit the settings.
        ChecksumError: the weights are not those that the config was written for.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingFileError(f"{folder} is no trained encoder-decoder: it lacks {name}")
    config = _read_config(folder / CONFIG)
    try:
        settings, recorded = Seq2SeqSettings(**config["settings"]), str(config["weights_sha256"])
    except (KeyError, TypeError, UsageError) as error:
        raise FormatError(f"{folder / CONFIG}: a setting is missing or unusable: {error}") from error
    actual = sha256_of(folder / WEIGHTS)
    if actual != recorded:
        raise ChecksumError(
            f"{folder / WEIGHTS} has sha256 {actual[:12]}…, its config says {recorded[:12]}…: "
            "the file was damaged or replaced"
        )
    return _build(settings, folder / WEIGHTS).eval()


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise FormatError(f"{path} does not describe a {FORMAT} model")
    return config


def _build(settings: Seq2SeqSettings, path: Path) -> Seq2Seq:
    """Make the model of stored weights; all must be there, of their shape, finite, nothing else."""
    try:
        stored = load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise FormatError(f"{path} is not a readable safetensors file: {error}") from error
    for name, tensor in stored.items():
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise FormatError(f"{path}: tensor {name} holds {tensor.dtype}, or numbers that are not finite")
    if len(stored) < settings.layers:
        raise FormatError(f"{path} holds {len(stored)} tensors: too few for {settings.layers} layers")
    try:
        # Without storage: a config may claim any size, and only the file's tensors take memory.
        with torch.device("meta"):
            model = Seq2Seq(settings)
        weights = {name: tensor.to(torch.float32) for name, tensor in stored.items()}
        model.load_state_dict(weights, strict=True, assign=True)
    except (RuntimeError, TypeError, UsageError) as error:
        raise FormatError(f"{path} does not fit its config: {' '.join(str(error).split())[:200]}") from error
    return model
