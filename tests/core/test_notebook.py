"""A trace in a notebook: whole, escaped, from nowhere else; its fills are its values."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from cutaway.core.atlas import mask_png
from cutaway.core.errors import ShapeError, UnknownNameError
from cutaway.core.notebook import SHOWN_COLUMNS, SHOWN_ROWS
from cutaway.core.render import number
from cutaway.core.shades import fill_class
from cutaway.core.trace import Recorder, Trace

EVIL = "<script>alert(1)</script> \"'&</style>"


class Reader(HTMLParser):
    """Collects what was opened, and that all of it is closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def heads() -> Trace:
    rec = Recorder(EVIL)
    random = np.random.default_rng(0)
    for axis in ("query", "key"):
        rec.label(axis, [EVIL, "b", "c"])
    rec.fact(EVIL, EVIL)
    rec.keep(
        "weights",
        random.dirichlet(np.ones(3), (2, 4, 3)),
        axes=("layer", "head", "query", "key"),
        formula=EVIL,
    )
    rec.keep("x", random.normal(size=(40, 50)), axes=("row", "column"), formula="x")
    rec.keep("bad", np.array([np.nan, np.inf, -2.0]), axes=("i",), formula="0/0")
    rec.keep("empty", np.zeros((0, 3)), axes=("i", "j"), formula="nothing")
    rec.keep("one", np.float32(-0.5), axes=(), formula="1")
    rec.keep("flags", np.array([True, False]), axes=("i",), formula="?")
    rec.table("rows", (EVIL, "n"), [(EVIL, at) for at in range(40)], formula="rows")
    return rec.finish()


def test_it_is_one_whole_piece_that_loads_and_runs_nothing() -> None:
    page = heads()._repr_html_()
    read = Reader(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "href")]
    assert set(re.findall(r"url\(([a-z:/;]+)", page)) == {"data:image/png;base"}
    assert "@import" not in page
    assert read.tags.count("style") == 1
    assert read.text.count(EVIL) >= 4 + SHOWN_ROWS


def test_every_rule_of_style_is_inside_the_piece() -> None:
    style = re.search(r"<style>(.*?)</style>", heads()._repr_html_(), re.DOTALL)
    assert style is not None
    for selectors, _ in re.findall(r"([^{}]+)\{([^{}]*)\}", style[1]):
        assert all(".cutaway" in one for one in selectors.split(",")), selectors


def test_fills_are_the_values_on_a_symmetric_scale() -> None:
    trace = heads()
    page = trace._repr_html_()
    cells = re.findall(r'<td class="(s\d+)" title="([^"]*)">', page)
    x = trace["x"]
    drawn = x[:SHOWN_ROWS, :SHOWN_COLUMNS].ravel()
    limit = np.abs(x).max()
    assert cells[: drawn.size] == [(fill_class("signed", v / limit), number(v)) for v in drawn]
    for name, _ in cells:
        assert f".cutaway .{name}{{" in page
    assert "the first 24 × 32 of them" in page
    assert "16 more rows" in page


def test_a_place_on_an_axis_is_drawn_with_its_labels() -> None:
    trace = heads().at(layer=1, head=-1)
    assert trace["weights"].tolist() == heads()["weights"][1, -1].tolist()
    assert trace["x"].shape == (40, 50)
    page = trace._repr_html_()
    for value in heads()["weights"][1, -1].ravel():
        assert f'title="{number(value)}">{number(value)}</td>' in page
    with pytest.raises(UnknownNameError, match="no array has an axis 'heads'"):
        heads().at(heads=1)
    with pytest.raises(ShapeError, match="4 places on 'head', not 4"):
        heads().at(head=4)


def test_the_atlas_has_a_map_a_head_whose_opacity_is_the_weight() -> None:
    trace = heads()
    found = re.findall(r"(?<!-webkit-)mask-image:url\(data:image/png;base64,([^)]*)\)", trace._repr_html_())
    assert len(found) == 8
    for png, weights in zip(found, trace["weights"].reshape(8, 3, 3), strict=True):
        data = base64.b64decode(png)
        assert data == mask_png(weights)
        (size,) = struct.unpack(">I", data[33:37])
        lines = np.frombuffer(zlib.decompress(data[41 : 41 + size]), np.uint8).reshape(3, 7)
        np.testing.assert_array_equal(lines[:, 2::2], np.rint(weights * 255))


def test_a_picture_is_drawn_and_what_is_not_a_number_is_not_filled() -> None:
    rec = Recorder("t")
    rec.keep("x", np.array([np.nan, 1.0]), axes=("i",), formula="x")
    rec.draw(lambda trace: f"<svg><text>{trace.title}</text></svg>")
    page = rec.finish()._repr_html_()
    assert "<figure><svg><text>t</text></svg></figure>" in page
    assert '<td class="" title="nan">nan</td>' in page
    assert " open" not in page
    assert "picture" not in rec.finish().to_json()
