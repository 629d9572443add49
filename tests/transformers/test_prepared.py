"""Blocks prepared for prediction give what the plain ones give, and notice when they are no longer theirs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transformers.conftest import Pair, small_config
from torch import nn

from cutaway.transformers import products
from cutaway.transformers.bert import Bert
from cutaway.transformers.config import BertConfig, BlockConfig
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.prepared import PreparedStack
from cutaway.transformers.products import OneDnnProduct, PlainProduct, product_kind

LONG = PackedBatch.from_rows([np.arange(14) + 1] * 30)

rows_of_ids = st.lists(
    st.lists(st.integers(0, 22), min_size=1, max_size=16).map(np.array), min_size=1, max_size=6
)


def bert_of(seed: int = 0, **choices: Any) -> Bert:
    torch.manual_seed(seed)
    block = BlockConfig(width=16, heads=2, feed_forward=24, **choices)
    return Bert(BertConfig(vocabulary=23, positions=16, types=2, layers=2, block=block)).eval()


def stack_of(bert: Bert) -> PreparedStack | None:
    return bert._preparer._stacks.get("float32")


@pytest.mark.parametrize("kind", [OneDnnProduct, PlainProduct])
@settings(max_examples=15, deadline=None)
@given(
    rows=rows_of_ids,
    seed=st.integers(0, 1000),
    activation=st.sampled_from(["gelu", "gelu_tanh", "relu", "swish"]),
)
def test_a_prepared_stack_equals_the_blocks(
    kind: type, rows: list[np.ndarray], seed: int, activation: str
) -> None:
    bert, batch = bert_of(seed, activation=activation), PackedBatch.from_rows(rows)
    with pytest.MonkeyPatch.context() as patched, torch.no_grad():
        patched.setattr(products, "product_kind", lambda dtype: kind)
        embedded, plain = bert.embeddings(batch), bert(batch)
        assert (PreparedStack(list(bert.blocks), "float32")(embedded, batch) - plain).abs().max() < 1e-5
        rough = PreparedStack(list(bert.blocks), "bfloat16")(embedded, batch)
    assert rough.dtype == torch.float32
    assert (rough - plain).abs().max() < 0.15
    assert (rough - plain).abs().mean() < 0.02


def test_little_is_read_plainly_and_more_is_prepared_once() -> None:
    bert = bert_of()
    short = PackedBatch.from_rows([np.array([3, 4])])
    with torch.no_grad():
        assert torch.equal(bert.infer(short), bert(short))
        assert stack_of(bert) is None
        assert (bert.infer(LONG) - bert(LONG)).abs().max() < 1e-5
        made = stack_of(bert)
        assert made is not None
        bert.infer(short)
    assert stack_of(bert) is made


def change_a_weight(bert: Bert) -> None:
    with torch.no_grad():
        bert.blocks[1].down.weight.mul_(2)


def load_other_weights(bert: Bert) -> None:
    bert.load_state_dict(bert_of(1).state_dict(), assign=True)


def exchange_a_layer(bert: Bert) -> None:
    bert.blocks[0].key = nn.Linear(16, 16)


def listen(bert: Bert) -> None:
    bert.blocks[0].up.register_forward_hook(lambda module, given, made: made * 0)


def listen_before_a_block(bert: Bert) -> None:
    bert.blocks[1].register_forward_pre_hook(lambda module, given: (given[0] * 2, *given[1:]))


@pytest.mark.parametrize(
    "change", [change_a_weight, load_other_weights, exchange_a_layer, listen, listen_before_a_block]
)
def test_a_change_is_noticed(change: Callable[[Bert], None]) -> None:
    bert = bert_of()
    with torch.no_grad():
        before = bert.infer(LONG)
        change(bert)
        after = bert.infer(LONG)
        assert (after - bert(LONG)).abs().max() < 1e-5
        assert (after - before).abs().max() > 1e-3


@pytest.mark.parametrize(
    "choices", [{"order": "pre"}, {"norm": "rms"}, {"activation": "swiglu"}, {"places": "rotary"}]
)
def test_other_blocks_run_as_they_are(choices: dict[str, Any]) -> None:
    bert = bert_of(**choices)
    with torch.no_grad():
        assert torch.equal(bert.infer(LONG), bert(LONG))
        assert bert.infer(LONG, precision="bfloat16").dtype == torch.float32
    assert stack_of(bert) is None


def test_embeddings_have_gradients_where_they_are_asked_for(make_pair: Callable[..., Pair]) -> None:
    bert = make_pair(small_config()).ours
    asked = bert.embed(LONG)
    asked.sum().backward()
    with torch.no_grad():
        assert (bert.embed(LONG) - asked).abs().max() < 1e-6
    assert bert.blocks[0].query.weight.grad is not None


def test_a_model_is_copied_without_what_was_prepared() -> None:
    bert = bert_of()
    with torch.no_grad():
        wanted = bert.infer(LONG)
        other = copy.deepcopy(bert)
        assert stack_of(other) is None
        assert torch.equal(other.infer(LONG), wanted)


def test_products_that_are_missing_or_wrong_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = product_kind.__wrapped__
    assert plain(torch.float32) in (OneDnnProduct, PlainProduct)
    monkeypatch.setattr(OneDnnProduct, "added", lambda self, x, rest: self(x))
    assert plain(torch.float32) is PlainProduct
    monkeypatch.setattr(OneDnnProduct, "__init__", lambda self, weight, bias: torch.ops.mkldnn.nothing())
    assert plain(torch.float32) is PlainProduct
