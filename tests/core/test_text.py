"""Text from files: UTF-8 or an error with the offset, one line at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core import text
from cutaway.core.errors import DataError, MissingFileError
from cutaway.core.text import read_lines, scrub


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x10FFFF)))
def test_scrub_keeps_every_position_and_leaves_valid_text(given_text: str) -> None:
    scrubbed = scrub(given_text)
    assert len(scrubbed) == len(given_text)
    scrubbed.encode("utf-8")
    assert all(a == b or 0xD800 <= ord(a) < 0xE000 for a, b in zip(given_text, scrubbed, strict=True))


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("a\u2028b\x0bc\nd".encode(), ["a\u2028b\x0bc", "d"]),
        (b"a\rb\n", ["a\rb"]),
    ],
)
def test_lines(tmp_path: Path, raw: bytes, lines: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    assert list(read_lines(path)) == lines


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1 << 20])
def test_lines_do_not_depend_on_the_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(text, "_CHUNK", chunk)
    path = tmp_path / "a.txt"
    path.write_bytes("één\r\n👍🏽\n\n日本".encode())
    assert list(read_lines(path)) == ["één", "👍🏽", "", "日本"]


@pytest.mark.parametrize("chunk", [1, 4, 1 << 20])
@pytest.mark.parametrize(
    ("raw", "offset"), [(b"abc\xffdef", 3), (b"ab\ncd\xc3", 5), ("日本".encode()[:5], 3)]
)
def test_invalid_bytes_are_told_with_their_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, offset: int, chunk: int
) -> None:
    monkeypatch.setattr(text, "_CHUNK", chunk)
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=rf"byte {offset} is not valid UTF-8"):
        list(read_lines(path))
    assert "\ufffd" in "".join(read_lines(path, undecodable="replace"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nope\.txt"):
        list(read_lines(tmp_path / "nope.txt"))
