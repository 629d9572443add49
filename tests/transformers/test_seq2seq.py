"""The encoder-decoder: equal to Marian in the reference; beam search against every possible text."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transformers.conftest import pad

from cutaway.core.errors import FormatError, ShapeError, UsageError
from cutaway.training.beam import Beams, BeamSettings, length_penalty
from cutaway.transformers.config import BlockConfig, TransformerConfig
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.seq2seq import Transformer

PAD, END = 22, 0
rows_of_ids = st.lists(st.integers(1, 21), min_size=1, max_size=10)
pairs_of_rows = st.lists(st.tuples(rows_of_ids, rows_of_ids), min_size=1, max_size=4)


def reference(seed: int = 0, **fields: Any) -> Any:
    import transformers

    torch.manual_seed(seed)
    config = transformers.MarianConfig(
        **{
            "vocab_size": 23,
            "max_position_embeddings": 16,
            "encoder_layers": 2,
            "decoder_layers": 3,
            "d_model": 8,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 12,
            "decoder_ffn_dim": 12,
            "activation_function": "swish",
            "scale_embedding": True,
            "pad_token_id": PAD,
            "eos_token_id": END,
            "forced_eos_token_id": None,
            "decoder_start_token_id": PAD,
            "init_std": 0.3,
            **fields,
        },
        attn_implementation="eager",
    )
    model = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "bias" in key or "norm" in key:
                weight.add_(torch.randn_like(weight) * 0.3)
        model.final_logits_bias.copy_(torch.randn(1, 23) * 0.3)
    return model


def small(seed: int = 0, vocabulary: int = 23) -> Transformer:
    torch.manual_seed(seed)
    block = BlockConfig(width=8, heads=2, feed_forward=12, places="sinusoidal", norm_epsilon=1e-5)
    config = TransformerConfig(
        vocabulary=vocabulary,
        positions=16,
        layers=2,
        decoder_layers=2,
        block=block,
        start=vocabulary - 1,
        end=0,
        pad=vocabulary - 1,
    )
    model = Transformer(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.4)
    return model


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=pairs_of_rows,
    seed=st.integers(0, 1000),
    scaled=st.booleans(),
    activation=st.sampled_from(["swish", "relu", "gelu"]),
)
def test_hidden_states_and_logits_equal_the_reference(
    pairs: list[tuple[list[int], list[int]]], seed: int, scaled: bool, activation: str, tmp_path: Path
) -> None:
    theirs = reference(seed, scale_embedding=scaled, activation_function=activation)
    theirs.save_pretrained(tmp_path)
    ours = Transformer.load(tmp_path)
    sources, targets = ([np.array(pair[side]) for pair in pairs] for side in (0, 1))
    packed, written = PackedBatch.from_rows(sources), PackedBatch.from_rows(targets)
    source, target = pad(sources), pad(targets)
    with torch.no_grad():
        out = theirs(
            input_ids=source.ids,
            attention_mask=source.mask,
            decoder_input_ids=target.ids,
            output_hidden_states=True,
        )
        encoded = packed.split(ours.encode(packed))
        hidden = written.split(ours(packed, written))
        for at, (source_row, target_row) in enumerate(zip(sources, targets, strict=True)):
            there = out.encoder_last_hidden_state[at, : len(source_row)]
            assert float((encoded[at] - there).abs().max()) < 1e-5
            there = out.decoder_hidden_states[-1][at, : len(target_row)]
            assert float((hidden[at] - there).abs().max()) < 1e-5
            there = out.logits[at, : len(target_row)]
            assert float((ours.logits(hidden[at]) - there).abs().max()) < 2e-5


def test_the_reference_loads_what_we_save(tmp_path: Path) -> None:
    import transformers

    ours = small()
    ours.save(tmp_path)
    theirs, report = transformers.MarianMTModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    source, target = np.array([3, 4, 5, 0]), np.array([22, 7, 8])
    batch, written = PackedBatch.from_rows([source]), PackedBatch.from_rows([target])
    with torch.no_grad():
        out = theirs.eval()(torch.from_numpy(source)[None], decoder_input_ids=torch.from_numpy(target)[None])
        logits = ours.logits(ours(batch, written))
        again = Transformer.load(tmp_path)
        assert float((out.logits[0] - logits).abs().max()) < 1e-5
        assert torch.equal(again.logits(again(batch, written)), logits)
    assert again.config == ours.config


@pytest.mark.parametrize("seed", range(6))
def test_one_beam_equals_greedy_search_of_the_reference(seed: int, tmp_path: Path) -> None:
    theirs = reference(seed)
    theirs.save_pretrained(tmp_path)
    source = [5, 9, 2, END]
    out = theirs.generate(
        torch.tensor([source]),
        attention_mask=torch.ones(1, 4, dtype=torch.long),
        num_beams=1,
        do_sample=False,
        max_new_tokens=9,
        bad_words_ids=[[PAD]],
        forced_eos_token_id=None,
    )
    expected = [token for token in out[0, 1:].tolist() if token not in (PAD, END)]
    found = Transformer.load(tmp_path).translate([source], settings=BeamSettings(beams=1, factor=0, extra=9))
    assert list(found[0].ids) == expected


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all_texts(seed: int, alpha: float) -> None:
    model, longest = small(seed, vocabulary=5), 4
    source = PackedBatch.from_rows([np.array([2, 3, 0])])
    scored: dict[tuple[int, ...], float] = {}
    with torch.no_grad():
        for size in range(longest):
            for ids in product((1, 2, 3), repeat=size):
                told = PackedBatch.from_rows([np.array([4, *ids])])
                steps = model.logits(model(source, told)).log_softmax(-1)
                total = sum(float(steps[at, token]) for at, token in enumerate((*ids, 0)))
                scored[ids] = total / ((5 + len(ids) + 1) / 6) ** alpha
    best = max(scored, key=lambda ids: scored[ids])
    wide = BeamSettings(beams=200, alpha=alpha, factor=0, extra=longest)
    found = model.translate([[2, 3, 0]], settings=wide)[0]
    assert found.ids == best
    assert math.isclose(found.score, scored[best], abs_tol=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_score_is_that_of_the_text_read_at_once(beams: int) -> None:
    for seed in range(5):
        model = small(seed)
        found = model.translate([[4, 9, 0]], settings=BeamSettings(beams=beams, factor=0, extra=10))[0]
        ids = np.array([model.config.start, *found.ids])
        with torch.no_grad():
            hidden = model(PackedBatch.from_rows([np.array([4, 9, 0])]), PackedBatch.from_rows([ids]))
            steps = model.logits(hidden).log_softmax(-1)
        total = sum(float(steps[at, token]) for at, token in enumerate(found.ids))
        ended = total + float(steps[-1, model.config.end])
        assert min(abs(found.log_probability - total), abs(found.log_probability - ended)) < 1e-4
        assert model.config.pad not in found.ids


def test_two_beams_find_what_one_misses() -> None:
    # Token 1 is likelier at first, but all that follows it is not; ids: 0 ends, 1 and 2 are words.
    first = torch.tensor([[0.0, 0.6, 0.4]]).log()
    after = {1: torch.tensor([0.34, 0.33, 0.33]).log(), 2: torch.tensor([0.98, 0.01, 0.01]).log()}
    for beams, expected in ((1, (1,)), (2, (2,))):
        search = Beams(BeamSettings(beams=beams, alpha=0.0), end=0)
        grown = search.grow(first)
        while grown is not None:
            grown = search.grow(torch.stack([after[token] for token in grown.tokens.tolist()]))
        assert search.best().ids == expected


def test_the_length_penalty_is_the_papers() -> None:
    for length, alpha in ((1, 0.6), (9, 0.6), (20, 0.2)):
        assert math.isclose(length_penalty(length, alpha), (5 + length) ** alpha / 6**alpha)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model, one = small(), PackedBatch.from_rows([np.array([1])])
    two = PackedBatch.from_rows([np.array([1]), np.array([2])])
    with pytest.raises(ShapeError, match="1 sources and 2 targets"):
        model(one, two)
    with pytest.raises(ShapeError, match="token id 23 is outside"):
        model.translate([[23, 0]])
    with pytest.raises(ShapeError, match="row has 17 tokens"):
        model.translate([[1] * 17])
    for wrong in ({"beams": 0}, {"alpha": -1.0}, {"extra": 0}, {"factor": math.nan}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            BeamSettings(**wrong)
    reference(normalize_before=True).save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="normalize_before is True"):
        Transformer.load(tmp_path)


def test_the_padding_is_never_written() -> None:
    model = small()
    with torch.no_grad():
        model.bias[0, model.config.pad] += 100
    found = model.translate([[4, 9, 0]], settings=BeamSettings(beams=2, factor=0, extra=6))[0]
    assert model.config.pad not in found.ids
