"""A classifier on disk: whole again after loading, and no damage goes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from cutaway.core.errors import ChecksumError, CutawayError, FormatError, MissingFileError
from cutaway.core.files import sha256_of
from cutaway.recurrent.checkpoint import VectorsUsed, load_classifier, save_classifier
from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
from cutaway.recurrent.reading import ReadingSettings

Table = NDArray[np.float32]
ROWS = [np.array([1, 2, 3]), np.array([8, -1])]


@pytest.fixture
def folder(table: Table, tmp_path: Path) -> Path:
    torch.manual_seed(2)
    settings = ClassifierSettings(
        labels=("no", "yes"),
        hidden=3,
        layers=2,
        directions="both",
        pooling="mean",
        dropout=0.1,
        reading=ReadingSettings(head=7, tail=0),
    )
    model = SequenceClassifier(settings, table)
    save_classifier(model, VectorsUsed.of("small", table), tmp_path / "run")
    np.save(tmp_path / "answers.npy", model.predict(ROWS))
    return tmp_path / "run"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def replace_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors, and the config's hash with them: only the content is wrong then."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    resign(folder)


def resign(folder: Path) -> None:
    edit(folder, lambda config: config.update(weights_sha256=sha256_of(folder / "model.safetensors")))


def test_what_was_saved_is_loaded(folder: Path, table: Table) -> None:
    asked: list[str] = []

    def open_table(name: str) -> Table:
        asked.append(name)
        return table

    model = load_classifier(folder, open_table)
    assert asked == ["small"]
    assert not model.training
    assert model.settings.reading == ReadingSettings(head=7, tail=0)
    assert all(parameter.requires_grad for parameter in model.parameters())
    np.testing.assert_array_equal(model.predict(ROWS), np.load(folder.parent / "answers.npy"))


def test_half_precision_weights_are_widened(folder: Path, table: Table) -> None:
    replace_weights(folder, lambda tensors: tensors.update({k: t.half() for k, t in tensors.items()}))
    model = load_classifier(folder, lambda name: table)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    np.testing.assert_allclose(model.predict(ROWS), np.load(folder.parent / "answers.npy"), atol=1e-3)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, table: Table, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        load_classifier(folder, lambda name: table)


def test_one_flipped_bit_is_noticed(folder: Path, table: Table) -> None:
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ChecksumError, match=r"model\.safetensors has sha256"):
        load_classifier(folder, lambda name: table)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw + b"more",
        lambda raw: b"",
        lambda raw: (2**63).to_bytes(8, "little") + raw[8:],
        lambda raw: raw[:8] + b"\xff" + raw[9:],
    ],
    ids=["truncated", "trailing", "empty", "huge header", "bad UTF-8"],
)
def test_a_damaged_weights_file_is_refused(
    folder: Path, table: Table, damage: Callable[[bytes], bytes]
) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    resign(folder)
    with pytest.raises(FormatError, match="not a readable safetensors file"):
        load_classifier(folder, lambda name: table)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t["head.bias"].fill_(float("nan")), "head.bias holds NaN"),
        (lambda t: t.pop("head.bias"), "head.bias"),
        (lambda t: t.update(other=torch.zeros(2)), "other"),
        (lambda t: t.update({"head.bias": torch.zeros(3)}), "head.bias"),
        (lambda t: t.update({"head.bias": torch.zeros(2, dtype=torch.int64)}), "not floating point"),
    ],
    ids=["nan", "missing", "extra", "shape", "integers"],
)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, table: Table, change: Callable[[dict[str, torch.Tensor]], object], told: str
) -> None:
    replace_weights(folder, change)
    with pytest.raises(FormatError, match=told):
        load_classifier(folder, lambda name: table)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", "[" * 100_000, '{"format": "cutaway-recurrent-classifier/1"}']
)
def test_a_config_that_is_none_is_refused(folder: Path, table: Table, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(FormatError, match=r"config\.json"):
        load_classifier(folder, lambda name: table)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", "3"),
        ("hidden", 3.0),
        ("hidden", True),
        ("hidden", -1),
        ("hidden", 4),
        ("hidden", 10**7),
        ("hidden", 10**12),
        ("hidden", 10**30),
        ("layers", 1),
        ("layers", None),
        ("labels", "no"),
        ("labels", ["no"]),
        ("labels", [1, 2]),
        ("labels", None),
        ("pooling", "sum"),
        ("pooling", ["max"]),
        ("directions", "forward"),
        ("directions", "up"),
        ("dropout", "0"),
        ("reading", {}),
        ("reading", 3),
        ("reading", {"head": "1", "tail": 1}),
        ("surplus", 1),
    ],
)
def test_a_config_with_a_wrong_setting_is_refused(
    folder: Path, table: Table, name: str, value: object
) -> None:
    if (name, value) == ("reading", {}):
        edit(folder, lambda config: config["settings"].pop("reading"))
    else:
        edit(folder, lambda config: config["settings"].update({name: value}))
    with pytest.raises(FormatError) as caught:
        load_classifier(folder, lambda name: table)
    assert str(folder) in str(caught.value)
    assert isinstance(caught.value, CutawayError)
    assert caught.value.exit_code == 1


def test_more_layers_than_the_file_can_hold_are_not_even_built(folder: Path, table: Table) -> None:
    edit(folder, lambda config: config["settings"].update(layers=1000))
    with pytest.raises(FormatError, match="too few for 1000 layers"):
        load_classifier(folder, lambda name: table)


def test_other_vectors_are_refused(folder: Path, table: Table) -> None:
    other = table.copy()
    other[8, 3] += 0.5
    for wrong in (other, table[:8], table[:, :3]):
        with pytest.raises(FormatError, match="trained over another small"):
            load_classifier(folder, lambda name, wrong=wrong: wrong)
