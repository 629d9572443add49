"""Checkpoint folders: loaded as the reference saved them; every key and every field accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.transformers.conftest import Pair, small_config

from cutaway.core.errors import FormatError, MissingFileError, UnknownNameError, UsageError
from cutaway.transformers.bert import Bert
from cutaway.transformers.config import BlockConfig
from cutaway.transformers.config_json import read_config
from cutaway.transformers.packing import PackedBatch

BATCH = PackedBatch.from_rows([np.array([1, 2, 3]), np.array([4])])


@pytest.fixture
def saved(make_pair: Callable[..., Pair], tmp_path: Path) -> tuple[Pair, Path]:
    """A small pair, and the folder that the reference wrote of it."""
    pair = make_pair(small_config())
    pair.theirs.save_pretrained(tmp_path)
    return pair, tmp_path


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
    change(tensors)
    safetensors.torch.save_file(tensors, path)


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    read = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in read.items() if value is not ...}))


def test_a_folder_of_the_reference_is_loaded(saved: tuple[Pair, Path]) -> None:
    pair, folder = saved
    loaded = Bert.load(folder)
    assert not loaded.training
    assert loaded.config.block.width == 8
    with torch.no_grad():
        assert torch.equal(loaded(BATCH), pair.ours(BATCH))


@pytest.mark.parametrize(
    ("told", "activation"),
    [("gelu", "gelu"), ("gelu_new", "gelu_tanh"), ("gelu_pytorch_tanh", "gelu_tanh"), ("relu", "relu")],
)
def test_activations_are_known_by_their_names_in_checkpoints(
    saved: tuple[Pair, Path], told: str, activation: str
) -> None:
    change_config(saved[1], hidden_act=told)
    assert Bert.load(saved[1]).config.block.activation == activation


def test_a_folder_may_be_given_as_text(saved: tuple[Pair, Path]) -> None:
    assert Bert.load(str(saved[1])).name == str(saved[1])


def test_half_precision_and_position_buffers_are_taken(saved: tuple[Pair, Path]) -> None:
    pair, folder = saved

    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors.update({name: tensor.bfloat16() for name, tensor in tensors.items()})
        tensors["embeddings.position_ids"] = torch.arange(16)[None]

    change_weights(folder, change)
    loaded = Bert.load(folder)
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())
    with torch.no_grad():
        assert float((loaded(BATCH) - pair.ours(BATCH)).abs().max()) < 0.1


def test_every_problem_with_keys_is_told_at_once(saved: tuple[Pair, Path]) -> None:
    folder = saved[1]

    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["classifier.weight"] = torch.zeros(2, 8)
        del tensors["pooler.dense.bias"]
        tensors["encoder.layer.1.output.dense.bias"] = torch.zeros(9)
        tensors["embeddings.LayerNorm.bias"] = torch.zeros(8, dtype=torch.int64)

    change_weights(folder, change)
    with pytest.raises(FormatError) as caught:
        Bert.load(folder)
    told = str(caught.value)
    assert "1 keys missing: pooler.dense.bias" in told
    assert "1 keys unexpected: classifier.weight" in told
    assert "1 keys of another shape: encoder.layer.1.output.dense.bias [9] instead of [8]" in told
    assert "1 keys not floating point: embeddings.LayerNorm.bias (torch.int64)" in told


def test_only_five_of_many_keys_are_listed(saved: tuple[Pair, Path]) -> None:
    change_config(saved[1], num_hidden_layers=3)
    with pytest.raises(FormatError, match=r"16 keys missing: .* and 11 more"):
        Bert.load(saved[1])


def test_a_header_of_far_too_many_tensors_is_refused(saved: tuple[Pair, Path]) -> None:
    change_weights(saved[1], lambda tensors: tensors.update({f"x{n}": torch.zeros(0) for n in range(300)}))
    with pytest.raises(FormatError, match="the header lists more than"):
        Bert.load(saved[1])


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "another family": ({"model_type": "gpt2"}, "model_type is 'gpt2'"),
    "no family": ({"model_type": ...}, "model_type is None: this reads bert"),
    "relative positions": ({"position_embedding_type": "relative_key"}, "relative_key"),
    "unknown activation": ({"hidden_act": "mish"}, "hidden_act is 'mish': known are"),
    "activation a list": ({"hidden_act": []}, r"hidden_act is \[\]"),
    "missing field": ({"vocab_size": ...}, "there is no 'vocab_size'"),
    "a text": ({"hidden_size": "8"}, "hidden_size is '8': expected a whole number"),
    "a fraction": ({"hidden_size": 8.0}, "hidden_size is 8.0"),
    "true": ({"num_hidden_layers": True}, "num_hidden_layers is True"),
    "zero": ({"num_hidden_layers": 0}, "layers is 0: it must be a whole number from 1"),
    "huge": ({"vocab_size": 10**12}, "vocabulary is 1000000000000"),
    "heads that do not divide": ({"num_attention_heads": 3}, "width 8 is not a multiple of 3 heads"),
    "dropout of 1": ({"hidden_dropout_prob": 1}, "dropout is 1.0"),
    "epsilon of 0": ({"layer_norm_eps": 0}, "norm_epsilon is 0.0"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_an_odd_configuration_is_refused(saved: tuple[Pair, Path], name: str) -> None:
    fields, told = CONFIGS[name]
    change_config(saved[1], **fields)
    with pytest.raises(FormatError, match=told) as caught:
        Bert.load(saved[1])
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\udcff"])
def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(FormatError, match=r"config\.json"):
        read_config(path)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"there is no file .*config\.json"):
        read_config(tmp_path / "config.json")


def test_an_unknown_activation_is_refused_in_code() -> None:
    with pytest.raises(UsageError, match="activation 'mish': choose one of"):
        BlockConfig(width=8, heads=2, feed_forward=8, activation="mish")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_file_is_named(saved: tuple[Pair, Path], missing: str) -> None:
    (saved[1] / missing).unlink()
    with pytest.raises(MissingFileError, match=f"there is no file .*{missing}"):
        Bert.load(saved[1])


def test_a_folder_with_only_pickles_is_refused(saved: tuple[Pair, Path]) -> None:
    (saved[1] / "model.safetensors").rename(saved[1] / "pytorch_model.bin")
    with pytest.raises(FormatError, match=r"has only \['pytorch_model.bin'\], which are never unpickled"):
        Bert.load(saved[1])


def test_a_pickle_by_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="may hold pickled objects"):
        Bert.load(tmp_path / "model.bin")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"there is no folder .*nowhere"):
        Bert.load(str(tmp_path / "nowhere"))


def test_a_catalog_name_that_is_no_model_is_refused() -> None:
    with pytest.raises(FormatError, match="glove-6b-50d is not a model"):
        Bert.load("glove-6b-50d")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no-such-model"):
        Bert.load("no-such-model")
