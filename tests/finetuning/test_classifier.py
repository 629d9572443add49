"""LoRA, the classifier and its file: merged equals separate, open equals fast, damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cutaway.core.errors import (
    ChecksumError,
    DataError,
    FormatError,
    MissingFileError,
    ShapeError,
    UsageError,
)
from cutaway.finetuning.classifier import Classifier, ClassifierSettings
from cutaway.finetuning.inputs import InputSettings, kept, rows_of
from cutaway.finetuning.lora import (
    LoraLinear,
    LoraSettings,
    add_adapters,
    merge_adapters,
    unmerge_adapters,
)
from cutaway.finetuning.saved import load_classifier, save_classifier

TEXTS = ["A wonderful, moving film.", "Dull.", "It was <b>fine</b>, 10/10 👍🏽 " * 40, "שלום עולם"]


def fresh(rank: int = 4, **inputs: object) -> Classifier:
    torch.manual_seed(0)
    classifier = Classifier.create(
        ClassifierSettings(
            base="all-MiniLM-L6-v2",
            labels=("bad", "good"),
            inputs=InputSettings(max_tokens=32, **inputs),  # type: ignore[arg-type]
            lora=LoraSettings(rank=rank, alpha=8.0),
        )
    )
    for name, parameter in classifier.named_parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.05 if "encoder" in name else 0.5)
    return classifier.eval()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "model"
    save_classifier(fresh(), folder)
    return folder


@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.floats(0.5, 32))
@settings(max_examples=25, deadline=None)
def test_lora_is_the_formula_and_merging_keeps_it(rank: int, width: int, out: int, alpha: float) -> None:
    base = nn.Linear(width, out).double()
    layer = LoraLinear(base, LoraSettings(rank=rank, alpha=alpha)).double()
    x = torch.randn(5, width, dtype=torch.float64)
    assert torch.equal(layer(x), base(x))  # B starts at zero
    nn.init.normal_(layer.b)
    by_hand = x @ (base.weight + alpha / rank * layer.b @ layer.a).T + base.bias
    assert torch.allclose(layer(x), by_hand, atol=1e-10)
    assert torch.allclose(layer.merged()(x), by_hand, atol=1e-10)


def test_merging_a_copy_is_undone_bit_for_bit() -> None:
    encoder = nn.Sequential(nn.ModuleDict({"query": nn.Linear(5, 3), "other": nn.Linear(5, 3)}))
    add_adapters(encoder, LoraSettings(rank=2))
    layer = encoder[0]["query"]
    nn.init.normal_(layer.b)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    x = torch.randn(7, 5)
    answer = layer(x)
    adapted = merge_adapters(encoder, weights="copy")
    assert type(encoder[0]["query"]) is nn.Linear
    torch.testing.assert_close(encoder[0]["query"](x), answer)
    unmerge_adapters(encoder, adapted)
    assert torch.equal(encoder[0]["query"](x), answer)
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert merge_adapters(encoder) == {}
    assert not torch.equal(encoder[0]["query"].weight, before["0.query.base.weight"])


def test_only_adapters_and_head_train_and_they_are_small() -> None:
    classifier = fresh(rank=8)
    trained = {name for name, p in classifier.named_parameters() if p.requires_grad}
    assert all(name.endswith((".a", ".b")) or name.startswith("head.") for name in trained)
    assert len(trained) == 6 * 6 * 2 + 2
    count = sum(p.numel() for p in classifier.parameters() if p.requires_grad)
    assert count == 6 * 8 * (4 * 2 * 384 + 2 * (384 + 1536)) + 2 * 384 + 2
    head_only = {name for name, p in fresh(rank=0).named_parameters() if p.requires_grad}
    assert head_only == {"head.weight", "head.bias"}


def test_saved_and_loaded_it_answers_the_same(saved: Path) -> None:
    separate = fresh().predict(TEXTS)
    merged = load_classifier(saved).predict(TEXTS)
    assert merged.labels == separate.labels
    assert np.abs(merged.probabilities - separate.probabilities).max() < 1e-5
    assert len(set(np.round(separate.probabilities[:, 0], 3))) == len(TEXTS)


def test_order_and_company_do_not_matter(saved: Path) -> None:
    classifier = load_classifier(saved)
    together = classifier.predict(TEXTS).probabilities
    alone = np.concatenate([classifier.predict([text]).probabilities for text in TEXTS])
    backwards = classifier.predict(TEXTS[::-1]).probabilities[::-1]
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - backwards).max() < 1e-5


@pytest.mark.parametrize("truncation", ["head", "tail", "head+tail"])
def test_the_trace_equals_the_prediction(truncation: str) -> None:
    classifier = fresh(truncation=truncation).merge()
    for text in TEXTS:
        trace = classifier.trace(text)
        assert np.abs(trace["probabilities"] - classifier.predict([text]).probabilities[0]).max() < 1e-5
        rows = rows_of(classifier.tokenizer, [text], classifier.settings.inputs)
        assert trace.table("tokens").column("id") == rows[0].tolist()
        for token, _, start, end in trace.table("tokens").rows[1:-1]:
            assert 0 <= int(start or 0) < int(end or 0) <= len(text), token


def test_a_trace_of_separate_adapters_is_refused() -> None:
    with pytest.raises(ShapeError, match="merge"):
        fresh().trace("a film")


def test_bfloat16_moves_no_probability_by_more_than_a_hundredth(saved: Path) -> None:
    classifier = load_classifier(saved)
    exact, fast = classifier.predict(TEXTS), classifier.predict(TEXTS, precision="bfloat16")
    assert 0 < np.abs(exact.probabilities - fast.probabilities).max() < 0.02


@given(st.integers(0, 2000), st.integers(3, 512), st.sampled_from(["head", "tail", "head+tail"]))
def test_truncation_keeps_what_it_says(length: int, most: int, truncation: str) -> None:
    head, tail = kept(length, InputSettings(max_tokens=most, truncation=truncation))  # type: ignore[arg-type]
    assert head + tail == min(length, most - 2)
    if length > most - 2:
        assert (head == 0) == (truncation == "tail" or (truncation == "head+tail" and most == 3))
        assert (tail == 0) == (truncation == "head")


def test_texts_with_nothing_in_them_are_refused(saved: Path) -> None:
    classifier = load_classifier(saved)
    with pytest.raises(DataError, match="text 2 of 2 is empty"):
        classifier.predict(["fine", " \n\t"])
    with pytest.raises(DataError, match="no token"):
        classifier.predict(["\x00\u200b"])
    assert classifier.predict([]).labels == []


def copy(saved: Path, folder: Path) -> Path:
    for file in saved.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_one_flipped_bit_is_a_checksum_error(saved: Path, tmp_path: Path) -> None:
    weights = copy(saved, tmp_path) / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-100] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(ChecksumError, match=r"model\.safetensors"):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": "other"}, FormatError, "does not describe"),
        ({"base_sha256": "0" * 64}, FormatError, "another all-MiniLM-L6-v2"),
        ({"labels": 3}, FormatError, "wrong type"),
        ({"lora": {}}, FormatError, "missing"),
        ({"labels": ["one"]}, UsageError, "two distinct labels"),
        ({"lora": {"rank": 2, "alpha": 8.0, "targets": ["query"]}}, FormatError, "does not fit"),
    ],
)
def test_a_config_that_lies_is_told(
    saved: Path, tmp_path: Path, change: dict[str, object], error: type[Exception], message: str
) -> None:
    path = copy(saved, tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error, match=message):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"), [("config.json", "{"), ("config.json", "[]"), ("config.json", "[" * 100_000)]
)
def test_a_damaged_config_is_told(saved: Path, tmp_path: Path, file: str, content: str) -> None:
    (copy(saved, tmp_path) / file).write_text(content)
    with pytest.raises(FormatError, match=r"config\.json"):
        load_classifier(tmp_path)


def test_missing_folders_and_files_are_named(saved: Path, tmp_path: Path) -> None:
    (copy(saved, tmp_path) / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"lacks model\.safetensors"):
        load_classifier(tmp_path)
    with pytest.raises(MissingFileError, match="no run folder"):
        load_classifier("runs/nope")
