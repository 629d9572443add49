"""GPT-2: equal to the reference in every number; what is kept between steps changes nothing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutaway.core.errors import FormatError, ShapeError, UsageError
from cutaway.transformers.config import BlockConfig, GptConfig
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared_step import step_blocks
from cutaway.transformers.sampling import Sampling

rows_of_ids = st.lists(
    st.lists(st.integers(0, 22), min_size=1, max_size=13).map(np.array), min_size=1, max_size=4
)
shapes = st.sampled_from([(1, 4, 1), (2, 8, 2), (4, 8, 1), (2, 12, 3)])


def reference(heads: int = 2, width: int = 8, layers: int = 2, seed: int = 0, **fields: Any) -> Any:
    import transformers

    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        vocab_size=23,
        n_positions=16,
        n_embd=width,
        n_head=heads,
        n_layer=layers,
        initializer_range=0.3,
        bos_token_id=22,
        eos_token_id=22,
        attn_implementation="eager",
        **fields,
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if "bias" in key or "ln_" in key:
                weight.add_(torch.randn_like(weight) * 0.3)
    return model


def small(seed: int = 0, end: int | None = None) -> Gpt:
    torch.manual_seed(seed)
    block = BlockConfig(width=8, heads=2, feed_forward=12, order="pre", norm_epsilon=1e-5)
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=2, block=block, end=end)).eval()
    with torch.no_grad():
        for weight in gpt.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return gpt


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_ids, shape=shapes, seed=st.integers(0, 1000), inner=st.sampled_from([None, 20]))
def test_hidden_states_and_logits_equal_the_reference(
    rows: list[np.ndarray], shape: tuple[int, int, int], seed: int, inner: int | None, tmp_path: Path
) -> None:
    theirs = reference(*shape, seed=seed, n_inner=inner)
    theirs.save_pretrained(tmp_path)
    # In double precision: with four numbers a token a LayerNorm can make 1e-5 of a last bit.
    ours, theirs = Gpt.load(tmp_path).double(), theirs.double()
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        hidden = batch.split(ours(batch))
        for row, found in zip(rows, hidden, strict=True):
            out = theirs(input_ids=torch.from_numpy(row)[None], output_hidden_states=True)
            assert float((found - out.hidden_states[-1][0]).abs().max()) < 1e-10
            assert float((ours.logits(found) - out.logits[0]).abs().max()) < 1e-10


@settings(max_examples=25)
@given(
    ids=st.lists(st.integers(0, 22), min_size=2, max_size=16),
    cuts=st.sets(st.integers(1, 15)),
    seed=st.integers(0, 99),
)
def test_reading_in_pieces_equals_reading_at_once(ids: list[int], cuts: set[int], seed: int) -> None:
    gpt, row = small(seed), torch.tensor([ids, ids[::-1]])
    edges = [0, *sorted(cut for cut in cuts if cut < len(ids)), len(ids)]
    memory = gpt.memory(rows=2, room=len(ids))
    with torch.no_grad():
        pieces = [gpt.step(row[:, a:b], memory) for a, b in pairwise(edges)]
        batch = PackedBatch.from_rows([np.array(ids), np.array(ids[::-1])])
        whole = torch.stack(batch.split(gpt(batch)))
    assert float((torch.cat(pieces, 1) - whole).abs().max()) < 1e-5


@settings(max_examples=25)
@given(
    ids=st.lists(st.integers(0, 22), min_size=1, max_size=12),
    activation=st.sampled_from(["gelu", "gelu_tanh", "relu", "swish"]),
    seed=st.integers(0, 99),
)
def test_prepared_blocks_step_as_the_blocks_do(ids: list[int], activation: str, seed: int) -> None:
    torch.manual_seed(seed)
    config = BlockConfig(width=16, heads=2, feed_forward=24, order="pre", activation=activation)  # type: ignore[arg-type]
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=2, block=config)).eval()
    prepared, sights, others = step_blocks(gpt.blocks), gpt.memory(), gpt.memory()
    assert prepared is not None
    with torch.no_grad():
        for piece in np.array_split(np.array(ids), min(3, len(ids))):
            x = gpt.token(torch.from_numpy(piece))
            for plain, block, sight, other in zip(gpt.blocks, prepared, sights, others, strict=True):
                wanted, found = plain(x, other), block(x, sight)
                assert float((found - wanted).abs().max()) < 1e-5
                x = wanted


@pytest.mark.parametrize(
    "choices", [{"order": "post"}, {"norm": "rms"}, {"activation": "swiglu"}, {"places": "rotary"}]
)
def test_other_blocks_are_not_prepared_and_generate_all_the_same(choices: dict[str, str]) -> None:
    torch.manual_seed(0)
    config = BlockConfig(**{"width": 16, "heads": 2, "feed_forward": 24, "order": "pre", **choices})  # type: ignore[arg-type]
    gpt = Gpt(GptConfig(vocabulary=23, positions=16, layers=2, block=config)).eval()
    assert step_blocks(gpt.blocks) is None
    again = gpt.generate([1, 2], tokens=9, keep="nothing")
    assert gpt.generate([1, 2], tokens=9).tolist() == again.tolist()


def test_a_layer_that_is_listened_to_or_adapted_is_not_prepared() -> None:
    gpt = small(1)
    heard: list[Any] = []
    hook = gpt.blocks[0].up.register_forward_hook(lambda *told: heard.append(told))
    assert step_blocks(gpt.blocks) is None
    gpt.generate([1, 2], tokens=3)
    assert heard
    hook.remove()
    assert step_blocks(gpt.blocks) is not None
    assert step_blocks(gpt.train().blocks) is None


@pytest.mark.parametrize("sampling", [None, Sampling(seed=3), Sampling(top_k=5, top_p=0.8, temperature=1.5)])
def test_generation_is_the_same_with_and_without_what_is_kept(sampling: Sampling | None) -> None:
    gpt = small(1)
    kept = gpt.generate([1, 2, 3], tokens=13, sampling=sampling)
    again = gpt.generate([1, 2, 3], tokens=13, sampling=sampling, keep="nothing")
    assert kept.tolist() == again.tolist()
    assert len(kept) == 13


def test_greedy_generation_equals_the_reference(tmp_path: Path) -> None:
    for seed in range(5):
        theirs = reference(seed=seed)
        theirs.save_pretrained(tmp_path)
        ours = Gpt.load(tmp_path)
        prompt = torch.tensor([[4, 7, 1]])
        out = theirs.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False, pad_token_id=0
        )
        expected = [token for token in out[0, 3:].tolist() if token != 22]
        assert ours.generate([4, 7, 1], tokens=12).tolist() == expected


def test_generation_stops_at_the_end_token() -> None:
    free = small(1).generate([1, 2, 3], tokens=13).tolist()
    end = free[5]
    assert small(1, end=end).generate([1, 2, 3], tokens=13).tolist() == free[: free.index(end)]


@settings(max_examples=60)
@given(
    # Multiples of 1/64: what differs still does when it is divided by a temperature.
    scores=st.lists(st.integers(-512, 512).map(lambda n: n / 64), min_size=2, max_size=12, unique=True),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
    top_k=st.none() | st.integers(1, 12),
    top_p=st.sampled_from([0.3, 0.7, 0.95, 1.0]),
)
def test_probabilities_equal_the_reference(
    scores: list[float], temperature: float, top_k: int | None, top_p: float
) -> None:
    from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.tensor(scores)[None]
    theirs = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k is not None:
        theirs = TopKLogitsWarper(min(top_k, len(scores)))(None, theirs)
    theirs = TopPLogitsWarper(top_p)(None, theirs) if top_p < 1 else theirs
    ours = Sampling(temperature=temperature, top_k=top_k, top_p=top_p).probabilities(logits[0])
    # Sums within rounding of p may fall on either side.
    cumulative = torch.softmax(logits[0] / temperature, 0).sort(descending=True).values.cumsum(0)
    if float((cumulative - top_p).abs().min()) > 1e-5:
        assert float((ours - torch.softmax(theirs, -1)[0]).abs().max()) < 1e-5


def test_draws_follow_the_probabilities() -> None:
    logits, sampling = torch.tensor([0.0, 1.0, -1.0, 2.0]), Sampling(top_k=3, seed=5)
    generator = sampling.generator()
    counts = np.bincount([sampling.draw(logits, generator) for _ in range(4000)], minlength=4) / 4000
    assert np.abs(counts - sampling.probabilities(logits).numpy()).max() < 0.03
    assert counts[2] == 0


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}],
)
def test_settings_outside_their_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_what_cannot_be_generated_is_refused_before_the_first_token() -> None:
    gpt = small()
    with pytest.raises(ShapeError, match="ask for at most 13"):
        gpt.stream([1, 2, 3], tokens=14)
    with pytest.raises(ShapeError, match="token id 23 is outside the table of 23 rows"):
        gpt.stream([23], tokens=1)
    with pytest.raises(ShapeError, match=r"row 0 is (empty|float64)"):
        gpt.stream([], tokens=1)
    with pytest.raises(UsageError, match="tokens is 0"):
        gpt.stream([1], tokens=0)
    with pytest.raises(ShapeError, match="a row of 17 tokens"):
        gpt.step(torch.zeros(1, 17, dtype=torch.long), gpt.memory())
    with pytest.raises(ShapeError, match="there is room for 2"):
        gpt.step(torch.zeros(1, 3, dtype=torch.long), gpt.memory(room=2))


def test_a_gpt_that_is_not_quite_gpt2_is_refused(tmp_path: Path) -> None:
    reference(scale_attn_by_inverse_layer_idx=True).save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="scale_attn_by_inverse_layer_idx is True"):
        Gpt.load(tmp_path)
