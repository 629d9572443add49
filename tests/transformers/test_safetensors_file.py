"""Good files give their tensors; every kind of damage is refused with its place, early and cheaply."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import FormatError, MissingFileError
from cutaway.transformers.safetensors_file import DTYPES, HeaderLimits, map_tensors


def record(begin: int, end: int, shape: Sequence[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def write(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(raw) if length is None else length).to_bytes(8, "little") + raw + data)
    return path


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=5),
    dtypes=st.lists(st.sampled_from(list(DTYPES)), min_size=5, max_size=5),
    seed=st.integers(0, 100),
)
def test_every_tensor_that_the_reference_wrote_is_read(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], dtypes: list[str], seed: int
) -> None:
    random = np.random.default_rng(seed)
    tensors = {
        f"t{at}": torch.from_numpy(random.integers(0, 2, shape)).to(DTYPES[dtype])
        for at, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=False))
    }
    path = tmp_path_factory.mktemp("weights") / "a.safetensors"
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    read = map_tensors(path)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


def test_a_misaligned_tensor_is_copied(tmp_path: Path) -> None:
    header = {"a": record(0, 1, [1], "U8"), "b": record(1, 9, [2])}
    data = b"\x07" + np.array([1.5, -2.0], dtype="<f4").tobytes()
    read = map_tensors(write(tmp_path / "a.safetensors", header, data))
    assert read["b"].tolist() == [1.5, -2.0]
    assert read["b"].data_ptr() % 4 == 0


def test_writing_to_a_mapped_tensor_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(100)}, path)
    before = path.read_bytes()
    map_tensors(path)["a"].add_(1)
    assert path.read_bytes() == before
    assert map_tensors(path)["a"].sum() == 0


FOUR = b"\0" * 4
BROKEN: dict[str, tuple[Any, bytes, str]] = {
    "bad UTF-8": (b'{"\xff": 1}', b"", "header byte 10 is not valid UTF-8"),
    "not JSON": (b'{"a": ', b"", "the header is not JSON"),
    "a list": (b"[]", b"", "the header starts with '\\['"),
    "empty": (b"", b"", "the header starts with ''"),
    "nested 100,000 deep": (b'{"a":' + b"[" * 100_000, b"", "the header is not JSON"),
    "a name twice": (
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        FOUR,
        "the key 'a' twice",
    ),
    "a field twice": (
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        FOUR,
        "the key 'dtype' twice",
    ),
    "unknown dtype": ({"a": record(0, 4, [1], "F31")}, FOUR, "'a' has dtype 'F31'"),
    "dtype a number": ({"a": {**record(0, 4, [1]), "dtype": 32}}, FOUR, "'a' has dtype 32"),
    "no dtype": ({"a": {"shape": [1], "data_offsets": [0, 4]}}, FOUR, "'a' lacks dtype"),
    "a record that is a number": ({"a": 3}, b"", "'a' lacks dtype"),
    "only a record": (record(0, 4, [1]), FOUR, "one tensor's record"),
    "negative shape": ({"a": record(0, 4, [-1])}, FOUR, r"a record has shape \[-1\]"),
    "shape of true": ({"a": record(0, 4, [True])}, FOUR, r"a record has shape \[True\]"),
    "three offsets": ({"a": {**record(0, 4, [1]), "data_offsets": [0, 4, 4]}}, FOUR, "data_offsets"),
    "fractional offset": ({"a": {**record(0, 4, [1]), "data_offsets": [0, 4.0]}}, FOUR, "data_offsets"),
    "product over 2^64": ({"a": record(0, 4, [2**33, 2**33])}, FOUR, "takes 295147905179352825856 bytes"),
    "product that wraps to 0": ({"a": record(0, 0, [2**32, 2**32])}, b"", "takes 73786976294838206464 bytes"),
    "offsets backwards": ({"a": record(4, 0, [1])}, FOUR, "offsets 4 to 0 hold -4"),
    "nine dimensions": ({"a": record(0, 4, [1] * 9)}, FOUR, "'a' has 9 dimensions"),
    "size not of the shape": ({"a": record(0, 8, [1])}, FOUR * 2, r"'a' of shape \[1\] in F32 takes 4 bytes"),
    "overlap": ({"a": record(0, 4, [1]), "b": record(2, 6, [1])}, FOUR * 2, "'a' and 'b' overlap"),
    "hole": ({"a": record(0, 4, [1]), "b": record(8, 12, [1])}, FOUR * 3, "'a' and 'b' leave a hole"),
    "hole at the start": ({"a": record(4, 8, [1])}, FOUR * 2, "the header and 'a' leave a hole"),
    "truncated": ({"a": record(0, 4, [1])}, b"\0" * 3, "truncated: 1 bytes are missing"),
    "trailing bytes": ({"a": record(0, 4, [1])}, FOUR + b"\0", "1 trailing bytes behind 'a'"),
    "bytes without a tensor": ({}, FOUR, "4 trailing bytes behind the header"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", "__metadata__ must map names to text"),
    "metadata a list": ({"__metadata__": []}, b"", "__metadata__ must map names to text"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_header_is_refused(tmp_path: Path, name: str) -> None:
    header, data, told = BROKEN[name]
    path = write(tmp_path / "broken.safetensors", header, data)
    with pytest.raises(FormatError, match=told) as caught:
        map_tensors(path)
    assert "broken.safetensors" in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (2**63, "a header of 9223372036854775808 bytes is over the limit of 16000000"),
        (2**64 - 1, "a header of 18446744073709551615 bytes is over the limit"),
        (16_000_001, "over the limit"),
        (3, "truncated: a header of 3 bytes in a file of 10"),
    ],
)
def test_a_wrong_header_length_is_refused(tmp_path: Path, length: int, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        map_tensors(write(tmp_path / "a.safetensors", b"{}", length=length))


def test_a_file_shorter_than_its_length_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"\0" * 7)
    with pytest.raises(FormatError, match="has 7 bytes"):
        map_tensors(path)


def many(count: int) -> bytes:
    one = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return ("{" + ",".join(one % at for at in range(count)) + "}").encode()


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (many(500_000), "is over the limit of 16000000"),
        (many(200_000), "more than 100000 tensors"),
        (b'{"a":[' + b"1," * 7_000_000 + b"1]}", "more than 100000 tensors"),
        (b'{"a":[' + b"[]," * 400_000 + b"1]}", "more than 100000 tensors"),
        (b'{"a":[' + b"[]," * 290_000 + b"1]}", "'a' lacks dtype"),
        (many(100_000)[:-1] + b',"last":0}', "'last' lacks dtype"),
    ],
    ids=[
        "500,000 tensors",
        "200,000 tensors",
        "one long list",
        "a list of lists",
        "a shorter one",
        "100,000 tensors",
    ],
)
def test_a_swollen_header_is_refused_before_it_takes_memory(tmp_path: Path, header: bytes, told: str) -> None:
    path = write(tmp_path / "a.safetensors", header)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=told):
            map_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_limits_of_the_caller_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", many(3))
    assert len(map_tensors(path, limits=HeaderLimits(tensors=3))) == 3
    with pytest.raises(FormatError, match="over the limit of 50"):
        map_tensors(path, limits=HeaderLimits(header_bytes=50))


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pkl", ".pth", ".ckpt", ".model"])
def test_pickles_are_refused_unread(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(FormatError, match="may hold pickled objects"):
        map_tensors(path)


@pytest.mark.parametrize("archived", [True, False])
def test_a_pickle_under_another_name_is_refused(tmp_path: Path, archived: bool) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, path, _use_new_zipfile_serialization=archived)
    with pytest.raises(FormatError, match="a pickle or an archive"):
        map_tensors(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"there is no file .*nothing\.safetensors"):
        map_tensors(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("length", [128, 640, 0x2E80])
def test_an_honest_header_may_begin_like_a_pickle(length: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    path.write_bytes(length.to_bytes(8, "little") + header + np.float32(3).tobytes())
    assert path.read_bytes()[0] == 0x80
    assert map_tensors(path)["a"].tolist() == [3.0]
