"""A trained classifier on disk: adapters and head in safetensors, the rest in config.json.

The pretrained encoder is not stored again: the config names it and the sha256 of its weights. Where all
weights were trained, the encoder stands in a checkpoint folder of its own, which others load too.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file

from cutaway.catalog.entry import entries
from cutaway.catalog.resolve import resolve
from cutaway.core.errors import ChecksumError, CutawayError, FormatError, MissingFileError
from cutaway.core.files import sha256_of, whole_file, write_text
from cutaway.core.home import runs_home
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.encoders import load_encoder

FORMAT = "cutaway-classifier/1"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
ENCODER = "encoder"


def save_classifier(classifier: Classifier, folder: Path) -> None:
    """Write the trained part of a classifier, each file whole or absent, the config last.

    Args:
        classifier: adapters not yet merged.
        folder: made if it is not there.
    """
    full = classifier.settings.method == "full"
    if full:
        classifier.tokenizer.save(folder / ENCODER / "tokenizer.json")
        classifier.encoder.save(folder / ENCODER)
    trained = {
        name: parameter.detach().contiguous()
        for name, parameter in classifier.named_parameters()
        if parameter.requires_grad and not (full and name.startswith("encoder."))
    }
    with whole_file(folder / WEIGHTS) as part:
        save_file(trained, part)
    config = {
        "format": FORMAT,
        **asdict(classifier.settings),
        "base_sha256": classifier.encoder.sha256,
        "weights_sha256": sha256_of(folder / WEIGHTS),
        **({"encoder_sha256": sha256_of(folder / ENCODER / WEIGHTS)} if full else {}),
    }
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def load_classifier(run_or_name: str | Path) -> Classifier:
    """Load a trained classifier and merge its adapters.

    Args:
        run_or_name: a run folder, the name of a run under `runs/`, or a catalog name; or a checkpoint of the
            field that labels texts.

    Returns:
        The classifier, ready to predict.

    Raises:
        FormatError: the config or the weights are damaged, or made for another base.
    """
    folder = find_folder(run_or_name)
    if _is_stock(folder / CONFIG):
        from cutaway.finetuning.stock import load_stock

        return load_stock(run_or_name if str(run_or_name) in entries() else folder)
    config = read_config(folder / CONFIG)
    _check(folder / WEIGHTS, config.get("weights_sha256"))
    settings = _settings(config, folder / CONFIG)
    if settings.method == "full":
        _check(folder / ENCODER / WEIGHTS, config.get("encoder_sha256"))
        encoder = load_encoder(folder / ENCODER)
        classifier = Classifier(settings, encoder.requires_grad_(False), Tokenizer.load(folder / ENCODER))
    else:
        classifier = Classifier.create(settings)
        # Runs of earlier versions did not tell the weights of a base that is a folder.
        if config.get("base_sha256") not in ("", classifier.encoder.sha256):
            raise FormatError(
                f"{folder} was trained over another {config['base']} than the one on this machine"
            )
    _fill(classifier, folder / WEIGHTS)
    return classifier.merge()


def _is_stock(path: Path) -> bool:
    """Say whether a config.json is of a checkpoint of the field: a family, and no format of ours."""
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "model_type" in told and "format" not in told


def _check(path: Path, expected: Any) -> None:
    if not isinstance(expected, str):
        raise FormatError(f"{path.name} has no sha256 in its config: the config is not whole")
    if not path.is_file():
        raise MissingFileError(f"{path} is not there: the config names it")
    actual = sha256_of(path)
    if actual != expected:
        raise ChecksumError(
            f"{path} has sha256 {actual[:12]}…, its config says {expected[:12]}…: the file was damaged or "
            "replaced"
        )


def find_folder(run_or_name: str | Path) -> Path:
    """Find a run's folder by path, by name under `runs/`, or in the catalog.

    Args:
        run_or_name: a run folder, the name of a run, or a catalog name.

    Returns:
        The folder, holding both files.

    Raises:
        MissingFileError: the folder lacks one of the files.
    """
    given = Path(run_or_name)
    folder = next((place for place in (given, runs_home() / given) if place.is_dir()), None)
    if folder is None and (len(given.parts) > 1 or isinstance(run_or_name, Path)):
        raise MissingFileError(f"there is no run folder {given}")
    folder = folder or resolve(str(run_or_name)).folder
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingFileError(f"{folder} is no trained classifier: it lacks {name}")
    return folder


def read_config(path: Path) -> dict[str, Any]:
    """Read a classifier's config.json.

    Args:
        path: the file.

    Returns:
        Its fields; only the format was checked.

    Raises:
        FormatError: it is no JSON, or describes something else.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise FormatError(f"{path} does not describe a {FORMAT} model")
    return config


def _settings(config: dict[str, Any], path: Path) -> ClassifierSettings:
    try:
        lora = {**config["lora"], "targets": tuple(config["lora"]["targets"])}
        return ClassifierSettings(
            base=config["base"],
            labels=tuple(config["labels"]),
            inputs=InputSettings(**config["inputs"]),
            lora=LoraSettings(**lora),
            method=config.get("method", "lora"),
        )
    except CutawayError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: a setting is missing or of the wrong type: {error}") from error


def _fill(classifier: Classifier, path: Path) -> None:
    """Copy the stored weights in; every trained parameter must be there, and nothing else."""
    try:
        stored = load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise FormatError(f"{path} is not a readable safetensors file: {error}") from error
    wanted = {name: p for name, p in classifier.named_parameters() if p.requires_grad}
    odd = sorted(wanted.keys() ^ stored.keys())
    odd += [name for name in wanted.keys() & stored.keys() if wanted[name].shape != stored[name].shape]
    if odd:
        raise FormatError(f"{path} does not fit its config: {len(odd)} tensors differ, the first is {odd[0]}")
    with torch.no_grad():
        for name, parameter in wanted.items():
            if not math.isfinite(float(stored[name].sum())):
                raise FormatError(f"{path}: tensor {name} holds NaN or infinity")
            parameter.copy_(stored[name])
