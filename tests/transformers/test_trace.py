"""The open path equals the fast one, and the reference's attention weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import encoder
from tests.transformers.conftest import Pair, small_config
from tests.transformers.small_models import decoders, encoders, rows, translators

from cutaway.core.errors import ShapeError
from cutaway.core.trace import Trace
from cutaway.transformers.bert import Bert
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.seq2seq import Transformer

IDS = [2, 5, 7, 5, 11, 3]


def reference_weights(pair: Pair, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        out = pair.theirs(input_ids=torch.tensor([ids]), output_attentions=True)
    return torch.cat(out.attentions).numpy()


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.integers(0, 22), min_size=1, max_size=16),
    heads=st.sampled_from([1, 2, 4]),
    activation=st.sampled_from(["gelu", "gelu_tanh", "relu"]),
    seed=st.integers(0, 1000),
)
def test_trace_equals_forward_and_the_reference(
    make_pair: Callable[..., Pair], ids: list[int], heads: int, activation: str, seed: int
) -> None:
    pair = make_pair(small_config(heads=heads, activation=activation), seed)
    trace = pair.ours.trace(ids)
    batch = PackedBatch.from_rows([np.array(ids)])
    with torch.no_grad():
        hidden, sentence = pair.ours(batch).numpy(), pair.ours.embed(batch).numpy()
    assert np.abs(trace["output"][-1] - hidden).max() < 1e-5
    assert np.abs(trace["sentence"] - sentence[0]).max() < 1e-5
    assert np.abs(trace["weights"] - reference_weights(pair, ids)).max() < 1e-5


def test_minilm_trace_equals_forward_and_the_reference(minilm: Pair) -> None:
    ids = [101, 1045, 2293, 4083, 2055, 2222, 5244, 102]
    trace = minilm.ours.trace(ids)
    with torch.no_grad():
        out = minilm.theirs(input_ids=torch.tensor([ids]), output_hidden_states=True)
        ours = minilm.ours(PackedBatch.from_rows([np.array(ids)])).numpy()
    assert np.abs(trace["output"][-1] - ours).max() < 1e-5
    assert np.abs(trace["weights"] - reference_weights(minilm, ids)).max() < 1e-5
    assert np.abs(trace["embedded"] - out.hidden_states[0][0].numpy()).max() < 1e-5
    for layer in range(6):
        assert np.abs(trace["output"][layer] - out.hidden_states[layer + 1][0].numpy()).max() < 1e-5


@pytest.fixture
def small(make_pair: Callable[..., Pair]) -> tuple[Pair, Trace]:
    pair = make_pair(small_config())
    return pair, pair.ours.trace(IDS, tokens=[f"t{n}" for n in IDS], types=[0, 0, 0, 1, 1, 1])


def test_every_array_follows_from_the_ones_before_it(small: tuple[Pair, Trace]) -> None:
    pair, trace = small
    kept = {name: array.values.astype(np.float64) for name, array in trace.arrays.items()}
    weight = {name: value.detach().double().numpy() for name, value in pair.ours.named_parameters()}
    assert np.allclose(kept["type_vectors"][[0, 5]], weight["embeddings.token_type.weight"][[0, 1]])
    summed = kept["token_vectors"] + kept["position_vectors"] + kept["type_vectors"]
    norm = (weight["embeddings.norm.weight"], weight["embeddings.norm.bias"], 1e-12)
    assert np.abs(kept["embedded"] - encoder.normalize(summed, *norm)).max() < 1e-5
    x = kept["embedded"]
    for layer in range(2):
        own = {name.removeprefix(f"blocks.{layer}."): value for name, value in weight.items()}
        for head in range(2):
            units = slice(head * 4, head * 4 + 4)
            q, k, v = (kept[name][layer, head] for name in "qkv")
            assert np.abs(q - (x @ own["query.weight"].T + own["query.bias"])[:, units]).max() < 1e-5
            assert np.abs(k - (x @ own["key.weight"].T + own["key.bias"])[:, units]).max() < 1e-5
            assert np.abs(v - (x @ own["value.weight"].T + own["value.bias"])[:, units]).max() < 1e-5
            assert np.abs(kept["scores"][layer, head] - q @ k.T / math.sqrt(4)).max() < 1e-5
            assert np.abs(kept["mixed"][layer, head] - encoder.attention(q, k, v)).max() < 1e-5
        joined = np.concatenate(list(kept["mixed"][layer]), axis=1)
        assert (
            np.abs(kept["attended"][layer] - (joined @ own["output.weight"].T + own["output.bias"])).max()
            < 1e-5
        )
        up = kept["after_attention"][layer] @ own["up.weight"].T + own["up.bias"]
        assert np.abs(kept["hidden"][layer] - np.vectorize(encoder.gelu)(up)).max() < 1e-5
        x = kept["output"][layer]


def test_axes_shapes_labels_and_steps(small: tuple[Pair, Trace]) -> None:
    trace = small[1]
    assert trace.arrays["weights"].axes == ("layer", "head", "query", "key")
    assert trace["weights"].shape == (2, 2, 6, 6)
    assert trace["q"].shape == (2, 2, 6, 4)
    assert trace["hidden"].shape == (2, 6, 12)
    assert (
        trace.labels["key"]
        == trace.labels["query"]
        == trace.labels["token"]
        == ("t2", "t5", "t7", "t5", "t11", "t3")
    )
    step = trace.step("scores")
    assert step.formula == "s = q kᵀ / √d"
    assert step.inputs == ("q", "k")
    assert step.source.file == "cutaway/transformers/trace_block.py"
    for named in trace.steps:
        assert set(named.inputs) <= trace.arrays.keys()


@settings(max_examples=40)
@given(model=encoders(), ids=rows)
def test_every_encoders_trace_equals_its_forward_pass(model: Bert, ids: list[int]) -> None:
    with torch.no_grad():
        hidden = model(PackedBatch.from_rows([np.array(ids)])).numpy()
    trace = model.trace(ids)
    assert np.abs(trace["output"][-1] - hidden).max() < 1e-4
    named = {name for step in trace.steps for name in step.inputs}
    assert named <= trace.arrays.keys()


@settings(max_examples=40)
@given(model=decoders(), ids=rows)
def test_a_language_models_trace_equals_its_forward_pass(model: Gpt, ids: list[int]) -> None:
    with torch.no_grad():
        hidden = model(PackedBatch.from_rows([np.array(ids)]))
        logits = model.logits(hidden)[-1].numpy()
    trace = model.trace(ids)
    assert np.abs(trace["final"] - hidden.numpy()).max() < 1e-4
    assert np.abs(trace["logits"] - logits).max() < 1e-4
    assert not np.triu(trace["weights"], 1).any(), "no token looks ahead"
    named = {name for step in trace.steps for name in step.inputs}
    assert named <= trace.arrays.keys()


@settings(max_examples=40)
@given(model=translators(), source=rows, target=rows)
def test_a_translators_trace_equals_its_forward_pass(
    model: Transformer, source: list[int], target: list[int]
) -> None:
    sources, targets = (PackedBatch.from_rows([np.array(ids)]) for ids in (source, target))
    with torch.no_grad():
        encoded, hidden = model.encode(sources), model(sources, targets)
        logits = model.logits(hidden)[-1].numpy()
    labels = ([f"s{at}" for at in source], [f"t{at}" for at in target])
    trace = model.trace(source, target, tokens=labels)
    assert np.abs(trace["output"][-1] - encoded.numpy()).max() < 1e-4
    assert np.abs(trace["decoder_output"][-1] - hidden.numpy()).max() < 1e-4
    assert np.abs(trace["logits"] - logits).max() < 2e-4
    assert trace["decoder_cross_weights"].shape[-2:] == (len(target), len(source))
    for array in trace.arrays.values():
        for axis, size in zip(array.axes, array.values.shape, strict=True):
            assert len(trace.labels.get(axis, [""] * size)) == size
    named = {name for step in trace.steps for name in step.inputs}
    assert named <= trace.arrays.keys()


@settings(max_examples=20)
@given(model=encoders(), ids=rows)
def test_deviations_are_what_the_norms_divide_by(model: Bert, ids: list[int]) -> None:
    trace = model.trace(ids)
    norm, summed = (
        model.embeddings.norm,
        sum(trace[f"{part}_vectors"] for part in ("token", "position", "type")),
    )
    restored = (trace["embedded"] - norm.bias.detach().numpy()) * trace["embedding_deviation"][:, None]
    centered = summed - summed.mean(1, keepdims=True)
    assert np.abs(restored - centered * norm.weight.detach().numpy()).max() < 1e-4


def test_labels_of_another_number_are_refused(small: tuple[Pair, Trace]) -> None:
    with pytest.raises(ShapeError, match="2 tokens for 3 ids"):
        small[0].ours.trace([1, 2, 3], tokens=["a", "b"])
