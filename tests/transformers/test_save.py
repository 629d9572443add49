"""Folders that we write: loaded by the reference and by us with equal outputs; shards are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.transformers import test_families, test_gpt

from cutaway.core.errors import FormatError, MissingFileError, UsageError
from cutaway.transformers.bert import Bert
from cutaway.transformers.config import BlockConfig, GptConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch

# RoBERTa's padding id is 1: it never stands inside a row.
ROW = np.array([3, 2, 4, 2, 5, 9])
BODIES = ["BertModel", "RobertaModel", "DistilBertModel"]


def written(name: str, folder: Path, **how: Any) -> Any:
    """Let the reference write a random model; return it."""
    theirs = test_gpt.reference() if name == "GPT2LMHeadModel" else test_families.reference(name)
    theirs.save_pretrained(folder, **how)
    return theirs


def ours_of(name: str) -> type[Bert] | type[Gpt]:
    return Gpt if name == "GPT2LMHeadModel" else test_families.FAMILIES[name][0]


@pytest.mark.parametrize("name", [*BODIES, "GPT2LMHeadModel"])
def test_the_reference_loads_what_we_save(name: str, tmp_path: Path) -> None:
    import transformers

    written(name, tmp_path / "theirs")
    ours = ours_of(name).load(tmp_path / "theirs")
    with torch.no_grad():
        for weight in ours.parameters():
            weight.mul_(1.25)
    ours.save(tmp_path / "ours")
    loaded, report = getattr(transformers, name).from_pretrained(
        tmp_path / "ours", output_loading_info=True, attn_implementation="eager"
    )
    assert not any(report.values())
    batch = PackedBatch.from_rows([ROW])
    with torch.no_grad():
        out = loaded.eval()(torch.from_numpy(ROW)[None], output_hidden_states=True)
        hidden = ours(batch)
        assert float((out.hidden_states[-1][0] - hidden).abs().max()) < 1e-5
        if isinstance(ours, Gpt):
            assert float((out.logits[0] - ours.logits(hidden)).abs().max()) < 1e-5
        again = type(ours).load(tmp_path / "ours")
        assert torch.equal(again(batch), hidden)
    assert again.config == ours.config


@pytest.mark.parametrize("name", [*BODIES, "GPT2LMHeadModel"])
def test_shards_are_one_checkpoint(name: str, tmp_path: Path) -> None:
    written(name, tmp_path / "whole")
    written(name, tmp_path / "shards", max_shard_size="3KB")
    assert not (tmp_path / "shards" / "model.safetensors").exists()
    batch = PackedBatch.from_rows([ROW])
    one, many = (ours_of(name).load(tmp_path / part) for part in ("whole", "shards"))
    with torch.no_grad():
        assert torch.equal(one(batch), many(batch))


def damage(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"])
    path.write_text(json.dumps(index))


def test_a_false_index_is_refused(tmp_path: Path) -> None:
    written("BertModel", tmp_path, max_shard_size="3KB")
    index = tmp_path / "model.safetensors.index.json"
    before = index.read_bytes()
    damage(tmp_path, lambda places: places.pop("pooler.dense.bias"))
    with pytest.raises(FormatError, match=r"differ by 1 keys: pooler\.dense\.bias"):
        Bert.load(tmp_path)
    index.write_bytes(before)
    damage(tmp_path, lambda places: places.update({"pooler.dense.bias": "../model.safetensors"}))
    with pytest.raises(FormatError, match=r"'\.\./model\.safetensors': expected a \.safetensors file beside"):
        Bert.load(tmp_path)
    index.write_bytes(before)
    (tmp_path / json.loads(before)["weight_map"]["pooler.dense.bias"]).unlink()
    with pytest.raises(MissingFileError, match=r"which model\.safetensors\.index\.json names"):
        Bert.load(tmp_path)
    for wrong, told in (
        (b"{", "is not JSON"),
        (b"[]", "no weight_map"),
        (b'{"weight_map": {}}', "no weight_map"),
    ):
        index.write_bytes(wrong)
        with pytest.raises(FormatError, match=told):
            Bert.load(tmp_path)


def test_what_a_family_cannot_say_is_not_written(tmp_path: Path) -> None:
    block = BlockConfig(width=8, heads=2, feed_forward=12, order="pre", norm="rms")
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=1, block=block))
    with pytest.raises(UsageError, match="a gpt2 checkpoint cannot say"):
        gpt.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    block = BlockConfig(width=8, heads=2, feed_forward=12, order="pre", activation="swiglu")
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=1, block=block))
    with pytest.raises(FormatError, match="activation_function is None"):
        gpt.save(tmp_path / "new")


def test_a_body_tells_which_keys_it_left_out(tmp_path: Path) -> None:
    written("BertForTokenClassification", tmp_path)
    assert Bert.load(tmp_path).left_out == ("classifier.bias", "classifier.weight")
