"""Packing loses nothing: rows come back in the caller's order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import ShapeError
from cutaway.transformers.packing import PackedBatch

some_rows = st.lists(
    st.lists(st.integers(0, 99), min_size=1, max_size=7).map(np.array), min_size=1, max_size=9
)


@settings(max_examples=80, deadline=None)
@given(rows=some_rows)
def test_rows_survive_packing(rows: list[np.ndarray]) -> None:
    batch = PackedBatch.from_rows(rows)
    values = torch.stack([batch.ids.double(), batch.positions.double()], dim=1)
    assert [piece[:, 0].tolist() for piece in batch.split(values)] == [row.tolist() for row in rows]
    assert [piece[:, 1].tolist() for piece in batch.split(values)] == [list(range(len(row))) for row in rows]
    assert batch.first(values)[:, 0].tolist() == [row[0] for row in rows]
    assert batch.mean(values)[:, 0].tolist() == pytest.approx([sum(row) / len(row) for row in rows])
    assert batch.lengths.tolist() == [len(row) for row in rows]
    assert batch.rows == len(rows)


@settings(max_examples=40, deadline=None)
@given(rows=some_rows)
def test_equal_lengths_form_one_group(rows: list[np.ndarray]) -> None:
    groups = PackedBatch.from_rows(rows).groups
    assert [group.length for group in groups] == sorted({len(row) for row in rows})
    assert sum(group.rows * group.length for group in groups) == sum(len(row) for row in rows)


def test_ids_of_any_integer_type_become_int64() -> None:
    batch = PackedBatch.from_rows([np.array([1, 2], dtype=np.int32), np.array([3], dtype=np.uint16)])
    assert batch.ids.dtype == torch.int64
    assert batch.ids.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "a batch of 0 rows"),
        ([[1], []], "row 1 is float64 of shape"),
        ([np.array([1]), np.array([], dtype=int)], "row 1 is empty"),
        ([np.array([1.5])], "row 0 is float64"),
        ([np.array([[1]])], r"row 0 is int64 of shape \(1, 1\)"),
    ],
)
def test_what_is_not_rows_of_ids_is_refused(rows: list[np.ndarray], told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        PackedBatch.from_rows([np.asarray(row) for row in rows])


def test_types_of_other_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"types have lengths \[1\], rows \[2\]"):
        PackedBatch.from_rows([np.array([1, 2])], types=[np.array([0])])
