"""How a packed batch is cut: nothing lost, nothing read twice, and no cheaper way."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cutaway.recurrent.blocks import cut, plan

lengths = st.lists(st.integers(1, 14), min_size=1, max_size=6)


def batch_sizes(lengths: list[int]) -> np.ndarray:
    return np.array([sum(length > step for length in lengths) for step in range(max(lengths))])


@given(lengths, st.integers(0, 40))
def test_no_way_of_cutting_costs_less(lengths: list[int], call: int) -> None:
    sizes = batch_sizes(lengths)
    ends = sorted(set(lengths))
    costs = []
    for count in range(len(ends)):
        for inner in combinations(ends[:-1], count):
            cuts = [0, *inner, ends[-1]]
            costs.append(sum((end - start) * sizes[start] + call for start, end in pairwise(cuts)))
    blocks = cut(sizes, call)
    assert sum(block.steps * block.sequences + call for block in blocks) == min(costs)
    assert [block.first for block in blocks] == [0, *np.cumsum([block.steps for block in blocks])[:-1]]


@given(lengths, st.integers(0, 40), st.booleans())
def test_every_word_is_read_once_and_in_order(lengths: list[int], call: int, backward: bool) -> None:
    sizes = batch_sizes(lengths)
    laid = plan(torch.from_numpy(sizes), call, backward=backward)
    total = sum(lengths)
    gather = np.arange(total) if laid.gather is None else laid.gather.numpy()
    scatter = np.arange(total) if laid.scatter is None else laid.scatter.numpy()
    assert gather[scatter].tolist() == list(range(total))
    assert laid.padded == (len(gather) > total)
    rows = [list[int]() for _ in lengths]
    at = 0
    for block in laid.blocks:
        for step in gather[at : at + block.steps * block.sequences].reshape(block.steps, block.sequences):
            for sequence, row in enumerate(step.tolist()):
                rows[sequence].append(row)
        at += block.steps * block.sequences
    offsets = np.cumsum(sizes) - sizes
    for sequence, length in enumerate(sorted(lengths, reverse=True)):
        packed = [int(offsets[step]) + sequence for step in range(length)]
        expected = packed[::-1] if backward else packed
        assert rows[sequence][:length] == expected
        assert set(rows[sequence][length:]) <= {total}
        assert laid.last[sequence] == expected[-1]
