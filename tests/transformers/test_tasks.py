"""Heads: equal to the reference's classes on what they saved, and on what we save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transformers.conftest import pad
from tests.transformers.test_families import BERT_SIZES, DISTILBERT_SIZES

from cutaway.core.errors import FormatError, UsageError
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.tasks import MaskedWords, NextSentence, SequenceLabels, Task, TokenLabels

TASKS: dict[str, type[Task]] = {
    "BertForMaskedLM": MaskedWords,
    "RobertaForMaskedLM": MaskedWords,
    "DistilBertForMaskedLM": MaskedWords,
    "BertForNextSentencePrediction": NextSentence,
    "BertForSequenceClassification": SequenceLabels,
    "RobertaForSequenceClassification": SequenceLabels,
    "DistilBertForSequenceClassification": SequenceLabels,
    "BertForTokenClassification": TokenLabels,
    "RobertaForTokenClassification": TokenLabels,
    "DistilBertForTokenClassification": TokenLabels,
}
PER_TOKEN = (MaskedWords, TokenLabels)
rows_of_ids = st.lists(
    st.lists(st.integers(2, 22), min_size=1, max_size=13).map(np.array), min_size=1, max_size=4
)


def reference(name: str, seed: int = 0, **fields: Any) -> Any:
    import transformers

    family = name.split("For")[0]
    sizes = DISTILBERT_SIZES if family == "DistilBert" else BERT_SIZES
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**sizes, initializer_range=0.3, **fields)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "bias" in key or "orm" in key:
                weight.add_(torch.randn_like(weight) * 0.3)
    return model


def scores_of(ours: Task, rows: list[np.ndarray]) -> list[torch.Tensor]:
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        scores = ours(batch)
    return batch.split(scores) if isinstance(ours, PER_TOKEN) else list(scores)


@pytest.mark.parametrize("name", TASKS)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_ids, seed=st.integers(0, 1000))
def test_scores_equal_the_reference(name: str, rows: list[np.ndarray], seed: int, tmp_path: Path) -> None:
    labels = {} if TASKS[name] in (MaskedWords, NextSentence) else {"id2label": {0: "x", 1: "y", 2: "z"}}
    theirs = reference(name, seed, **labels)
    theirs.save_pretrained(tmp_path)
    ours = TASKS[name].load(tmp_path)
    assert ours.body.left_out == ()
    padded = pad(rows)
    padded.ids[padded.mask == 0] = theirs.config.pad_token_id
    with torch.no_grad():
        there = theirs(input_ids=padded.ids, attention_mask=padded.mask).logits
    for at, (row, scores) in enumerate(zip(rows, scores_of(ours, rows), strict=True)):
        expected = there[at, : len(row)] if isinstance(ours, PER_TOKEN) else there[at]
        assert float((scores - expected).abs().max()) < 2e-5


@pytest.mark.parametrize("name", TASKS)
def test_the_reference_loads_what_we_save(name: str, tmp_path: Path) -> None:
    import transformers

    reference(name, id2label={0: "bad", 1: "good"}).save_pretrained(tmp_path / "theirs")
    ours = TASKS[name].load(tmp_path / "theirs")
    with torch.no_grad():
        for weight in ours.parameters():
            weight.mul_(1.25)
    ours.save(tmp_path / "ours")
    theirs, report = getattr(transformers, name).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values())
    row = np.array([3, 2, 7, 9])
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(row)[None]).logits[0]
    assert float((scores_of(ours, [row])[0] - expected).abs().max()) < 1e-5
    again = TASKS[name].load(tmp_path / "ours")
    assert torch.equal(scores_of(again, [row])[0], scores_of(ours, [row])[0])
    if TASKS[name] in (SequenceLabels, TokenLabels):
        assert again.labels == ours.labels == ("bad", "good")
        assert theirs.config.id2label == {0: "bad", 1: "good"}


def test_masks_are_filled_by_probability(tmp_path: Path) -> None:
    theirs = reference("BertForMaskedLM")
    theirs.save_pretrained(tmp_path)
    ours, ids = MaskedWords.load(tmp_path), [3, 22, 5, 22]
    filled = ours.fill(ids, mask=22, topn=3)
    with torch.no_grad():
        chances = theirs(torch.tensor([ids])).logits[0].softmax(-1)
    assert [found[0].place for found in filled] == [1, 3]
    for found in filled:
        expected = chances[found[0].place].topk(3)
        assert [filling.id for filling in found] == expected.indices.tolist()
        assert np.allclose([filling.probability for filling in found], expected.values, atol=1e-5)
    with pytest.raises(UsageError, match="0 masks of id 22"):
        ours.fill([1, 2], mask=22)


def test_a_body_without_the_head_is_refused(tmp_path: Path) -> None:
    reference("BertForMaskedLM").save_pretrained(tmp_path)
    with pytest.raises(FormatError, match=r"2 keys missing: classifier\.bias, classifier\.weight"):
        TokenLabels.load(tmp_path)
    reference("RobertaForMaskedLM").save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="family roberta, which has no head for next sentence"):
        NextSentence.load(tmp_path)


def test_the_first_berts_names_of_norms_are_known_in_heads(tmp_path: Path) -> None:
    reference("BertForMaskedLM").save_pretrained(tmp_path)
    before = scores_of(MaskedWords.load(tmp_path), [np.array([3, 4])])[0]
    path = tmp_path / "model.safetensors"
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor.clone()
        for key, tensor in safetensors.torch.load_file(path).items()
    }
    safetensors.torch.save_file(old, path)
    assert torch.equal(scores_of(MaskedWords.load(tmp_path), [np.array([3, 4])])[0], before)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"0": "a", "2": "b"}, "none left out"),
        ({}, "none left out"),
        ({"0": 3}, "expected an object of names"),
        (["a"], "expected an object of names"),
        ({"0": "a", "1": "b", "2": "c"}, r"classifier\.weight \[2, 8\] instead of \[3, 8\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(names: Any, told: str, tmp_path: Path) -> None:
    reference("BertForTokenClassification").save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id2label": names}))
    with pytest.raises(FormatError, match=told):
        TokenLabels.load(tmp_path)
