"""RoBERTa and DistilBERT: loaded from what the reference saved, equal to it in every number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transformers.conftest import pad

from cutaway.core.errors import FormatError, ShapeError, UsageError
from cutaway.transformers.bert import Bert, DistilBert, Roberta
from cutaway.transformers.packing import PackedBatch

# RoBERTa's own padding id is 1: it never stands inside a row.
rows_of_ids = st.lists(
    st.lists(st.integers(2, 22), min_size=1, max_size=13).map(np.array), min_size=1, max_size=5
)
SIZES = {"vocab_size": 23, "max_position_embeddings": 16}
BERT_SIZES = {
    **SIZES,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
}
DISTILBERT_SIZES = {**SIZES, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12}
FAMILIES: dict[str, tuple[type[Bert], str, dict[str, Any]]] = {
    "BertModel": (Bert, "BertConfig", BERT_SIZES),
    "BertForMaskedLM": (Bert, "BertConfig", BERT_SIZES),
    "BertForPreTraining": (Bert, "BertConfig", BERT_SIZES),
    "BertForTokenClassification": (Bert, "BertConfig", BERT_SIZES),
    "RobertaModel": (Roberta, "RobertaConfig", BERT_SIZES),
    "RobertaForMaskedLM": (Roberta, "RobertaConfig", BERT_SIZES),
    "RobertaForSequenceClassification": (Roberta, "RobertaConfig", BERT_SIZES),
    "DistilBertModel": (DistilBert, "DistilBertConfig", DISTILBERT_SIZES),
    "DistilBertForMaskedLM": (DistilBert, "DistilBertConfig", DISTILBERT_SIZES),
    "DistilBertForSequenceClassification": (DistilBert, "DistilBertConfig", DISTILBERT_SIZES),
}


def reference(name: str, seed: int = 0) -> Any:
    import transformers

    _, config, sizes = FAMILIES[name]
    torch.manual_seed(seed)
    made = getattr(transformers, config)(**sizes, initializer_range=0.3, attn_implementation="eager")
    model = getattr(transformers, name)(made).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "bias" in key or "orm" in key:
                weight.add_(torch.randn_like(weight) * 0.3)
    return model


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_ids, seed=st.integers(0, 1000))
def test_every_hidden_state_and_weight_equals_the_reference(
    name: str, rows: list[np.ndarray], seed: int, tmp_path: Path, minilm: object
) -> None:
    theirs = reference(name, seed)
    theirs.save_pretrained(tmp_path)
    ours = FAMILIES[name][0].load(tmp_path)
    batch, padded = PackedBatch.from_rows(rows), pad(rows)
    padded.ids[padded.mask == 0] = theirs.config.pad_token_id
    with torch.no_grad():
        out = theirs.base_model(
            input_ids=padded.ids,
            attention_mask=padded.mask,
            output_hidden_states=True,
            output_attentions=True,
        )
        hidden = batch.split(ours(batch))
        encoded = ours.encode(padded.ids, padded.mask)
    for at, row in enumerate(rows):
        trace = ours.trace(row)
        size = len(row)
        assert float((hidden[at] - out.last_hidden_state[at, :size]).abs().max()) < 1e-5
        assert float((encoded[at, :size] - hidden[at]).abs().max()) < 1e-5
        assert np.abs(trace["embedded"] - out.hidden_states[0][at, :size].numpy()).max() < 1e-5
        for layer in range(2):
            there = out.hidden_states[layer + 1][at, :size].numpy()
            assert np.abs(trace["output"][layer] - there).max() < 1e-5
            weights = out.attentions[layer][at, :, :size, :size].numpy()
            assert np.abs(trace["weights"][layer] - weights).max() < 1e-5


@pytest.mark.parametrize("name", ["RobertaForMaskedLM", "DistilBertModel", "BertForMaskedLM"])
def test_a_body_without_a_pooler_says_so(name: str, tmp_path: Path) -> None:
    reference(name).save_pretrained(tmp_path)
    ours = FAMILIES[name][0].load(tmp_path)
    batch = PackedBatch.from_rows([np.array([3, 4])])
    with pytest.raises(UsageError, match="has no pooler"):
        ours.pool(ours(batch), batch)


def test_a_checkpoint_of_another_family_is_refused(tmp_path: Path) -> None:
    reference("DistilBertModel").save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="model_type is 'distilbert': this reads roberta"):
        Roberta.load(tmp_path)


def test_the_longest_row_of_roberta_is_two_shorter_than_its_table(tmp_path: Path) -> None:
    reference("RobertaModel").save_pretrained(tmp_path)
    ours = Roberta.load(tmp_path)
    assert ours(PackedBatch.from_rows([np.full(14, 5)])).shape == (14, 8)
    with pytest.raises(ShapeError, match="a row has 15 tokens, the position table 14 rows"):
        ours(PackedBatch.from_rows([np.full(15, 5)]))


def test_nan_in_the_weights_is_named(tmp_path: Path) -> None:
    theirs = reference("RobertaModel")
    with torch.no_grad():
        theirs.encoder.layer[1].output.dense.weight[0, 3] = float("nan")
    theirs.save_pretrained(tmp_path)
    with pytest.raises(
        FormatError, match=r"1 keys with NaN or infinity: encoder\.layer\.1\.output\.dense\.weight"
    ):
        Roberta.load(tmp_path)
