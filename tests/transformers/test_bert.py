"""Hidden states, embeddings and gradients equal the reference implementation's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.conftest import Pair, pad, small_config

from cutaway.core.errors import ShapeError
from cutaway.transformers.bert import Bert
from cutaway.transformers.key_maps import keys_of
from cutaway.transformers.packing import PackedBatch

SENTENCES = (
    "i love learning about llms",
    "the film was not bad at all, though the end of it was far too long for my taste .",
    "no",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
)

rows_of_ids = st.lists(
    st.lists(st.integers(0, 22), min_size=1, max_size=16).map(np.array), min_size=1, max_size=6
)


def hidden_of_reference(pair: Pair, rows: list[np.ndarray]) -> list[torch.Tensor]:
    padded = pad(rows)
    with torch.no_grad():
        out = pair.theirs(input_ids=padded.ids, attention_mask=padded.mask).last_hidden_state
    return [out[at, : len(row)] for at, row in enumerate(rows)]


def assert_close(ours: list[torch.Tensor], theirs: list[torch.Tensor], within: float = 1e-5) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert float((one - other).abs().max()) < within


@settings(max_examples=40, deadline=None)
@given(
    rows=rows_of_ids,
    heads=st.sampled_from([1, 2, 4]),
    layers=st.integers(1, 3),
    activation=st.sampled_from(["gelu", "gelu_tanh", "relu"]),
    seed=st.integers(0, 1000),
)
def test_small_random_models_equal_the_reference(
    make_pair: Callable[..., Pair],
    rows: list[np.ndarray],
    heads: int,
    layers: int,
    activation: str,
    seed: int,
) -> None:
    pair = make_pair(small_config(heads=heads, layers=layers, activation=activation), seed)
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        assert_close(batch.split(pair.ours(batch)), hidden_of_reference(pair, rows))
        pair.ours.double(), pair.theirs.double()
        assert_close(batch.split(pair.ours(batch)), hidden_of_reference(pair, rows), within=1e-12)


def test_token_types_equal_the_reference(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair(small_config())
    rows, types = [np.array([3, 4, 5]), np.array([6, 7])], [np.array([0, 1, 1]), np.array([1, 0])]
    batch = PackedBatch.from_rows(rows, types=types)
    padded, kinds = pad(rows), pad(types).ids
    with torch.no_grad():
        theirs = pair.theirs(input_ids=padded.ids, attention_mask=padded.mask, token_type_ids=kinds)
        ours = batch.split(pair.ours(batch))
    assert_close(ours, [theirs.last_hidden_state[0, :3], theirs.last_hidden_state[1, :2]])


def test_pooled_output_equals_the_reference(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair(small_config())
    rows = [np.array([3, 4, 5]), np.array([6, 7])]
    batch, padded = PackedBatch.from_rows(rows), pad(rows)
    with torch.no_grad():
        theirs = pair.theirs(input_ids=padded.ids, attention_mask=padded.mask).pooler_output
        ours = pair.ours.pool(pair.ours(batch), batch)
    assert float((ours - theirs).abs().max()) < 1e-5


def encode(folder: Path, texts: list[str], longest: int = 96) -> list[np.ndarray]:
    """Ids by the reference tokenizer: this room does not know ours."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return [np.array(encoding.ids) for encoding in tokenizer.encode_batch(texts)]


def test_minilm_equals_the_reference(minilm: Pair, minilm_folder: Path) -> None:
    rows = encode(minilm_folder, list(SENTENCES))
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        ours = batch.split(minilm.ours(batch))
    assert_close(ours, hidden_of_reference(minilm, rows))


@pytest.mark.data
def test_minilm_equals_the_reference_on_reviews(minilm: Pair, minilm_folder: Path, data_folder: Path) -> None:
    table = pyarrow.parquet.read_table(data_folder / "imdb" / "test_half.parquet", columns=["text"])
    texts = table["text"].slice(0, 100).to_pylist()
    rows = encode(minilm_folder, texts[:96]) + encode(minilm_folder, texts[96:], longest=512)
    for start in range(0, len(rows), 16):
        batch = PackedBatch.from_rows(rows[start : start + 16])
        with torch.no_grad():
            ours = batch.split(minilm.ours(batch))
        assert_close(ours, hidden_of_reference(minilm, rows[start : start + 16]))


def test_sentence_embeddings_are_scaled_means_in_the_given_order(minilm: Pair, minilm_folder: Path) -> None:
    rows = encode(minilm_folder, list(SENTENCES))
    expected = [hidden.mean(0).numpy() for hidden in hidden_of_reference(minilm, rows)]
    with torch.no_grad():
        ours = minilm.ours.embed(PackedBatch.from_rows(rows)).numpy()
    for one, mean in zip(ours, expected, strict=True):
        assert np.abs(one - mean / np.sqrt((mean**2).sum())).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(data=st.data(), rows=st.integers(1, 5), columns=st.integers(1, 16))
def test_padded_equals_packed_and_the_reference_wherever_the_padding_is(
    make_pair: Callable[..., Pair], data: st.DataObject, rows: int, columns: int
) -> None:
    pair = make_pair(small_config())
    random = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    ids = torch.from_numpy(random.integers(0, 23, (rows, columns)))
    mask = torch.from_numpy(random.integers(0, 2, (rows, columns)))
    mask[torch.arange(rows), torch.from_numpy(random.integers(0, columns, rows))] = 1
    with torch.no_grad():
        ours = pair.ours.encode(ids, mask)
        theirs = pair.theirs(input_ids=ids, attention_mask=mask).last_hidden_state
    assert float((ours - theirs)[mask.bool()].abs().max()) < 1e-5
    assert not ours[~mask.bool()].any()


def test_gradients_equal_the_reference(make_pair: Callable[..., Pair]) -> None:
    pair = make_pair(small_config(layers=3))
    rows = [np.array([3, 4, 5, 6, 3]), np.array([6, 7]), np.array([8, 9])]
    batch, padded = PackedBatch.from_rows(rows), pad(rows)
    targets = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    theirs = pair.theirs(input_ids=padded.ids, attention_mask=padded.mask).pooler_output
    ((theirs - targets) ** 2).sum().backward()
    ours = pair.ours.pool(pair.ours(batch), batch)
    ((ours - targets) ** 2).sum().backward()
    wanted = dict(pair.theirs.named_parameters())
    got = dict(pair.ours.named_parameters())
    for name, (key, *_) in keys_of("bert", got).items():
        scale = max(1.0, float(wanted[key].grad.abs().max()))
        assert float((got[name].grad - wanted[key].grad).abs().max()) < 1e-5 * scale, name


def test_bfloat16_training_keeps_close_to_float32(make_pair: Callable[..., Pair]) -> None:
    ours = make_pair(small_config()).ours
    batch = PackedBatch.from_rows([np.arange(1, 15), np.array([6, 7])])
    with torch.autocast("cpu", torch.bfloat16):
        rough = ours(batch)
    exact = ours(batch)
    assert float((rough - exact).detach().abs().max()) < 0.1
    rough.float().pow(3).sum().backward()
    rough_gradient = ours.blocks[0].query.weight.grad.clone()
    ours.zero_grad()
    exact.pow(3).sum().backward()
    exact_gradient = ours.blocks[0].query.weight.grad
    assert float(torch.cosine_similarity(rough_gradient.flatten(), exact_gradient.flatten(), 0)) > 0.98


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([3, 23], "token id 23 is outside the table of 23 rows"),
        ([-1, 3], "token id -1 is outside"),
        ([1] * 17, "a row has 17 tokens, the position table 16 rows"),
    ],
)
def test_what_the_tables_have_no_row_for_is_refused(row: list[int], told: str) -> None:
    bert = Bert(small_config())
    with pytest.raises(ShapeError, match=told):
        bert(PackedBatch.from_rows([np.array([1, 2]), np.array(row)]))
    with pytest.raises(ShapeError, match=told):
        bert.trace(row)


def test_types_outside_the_table_are_refused() -> None:
    with pytest.raises(ShapeError, match="type id 2 is outside the table of 2 rows"):
        Bert(small_config())(PackedBatch.from_rows([np.array([1])], types=[np.array([2])]))


def test_padded_input_of_two_shapes_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"ids are \[1, 3\] and mask \[1, 2\]"):
        Bert(small_config()).encode(torch.ones(1, 3, dtype=torch.long), torch.ones(1, 2))


def test_an_all_masked_row_is_refused() -> None:
    with pytest.raises(ShapeError, match="row 1 is empty"):
        Bert(small_config()).encode(torch.ones(2, 2, dtype=torch.long), torch.tensor([[1, 1], [0, 0]]))
