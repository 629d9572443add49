"""The tour as one file: whole, escaped, from nowhere else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from cutaway.core.render import number
from cutaway.core.shades import SCALES, SHADES, fill_class
from cutaway.tour import tour
from cutaway.tour_page import tour_page
from cutaway.tour_page_style import style

SENTENCE = "I love learning about LLMs"


class Reader(HTMLParser):
    """Collects tags, attributes and text; void elements need no end."""

    VOID = frozenset({"meta", "circle", "line", "polyline", "rect"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open, "every tag that is opened is closed"
    return reader


@pytest.fixture(scope="module")
def led() -> dict[str, Any]:
    return tour(SENTENCE).to_json()


def test_it_is_whole_and_loads_nothing(led: dict[str, Any]) -> None:
    page = tour_page(led)
    reader = read(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "href")]
    assert "url(" not in page
    assert "@import" not in page
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes


def test_it_holds_the_tours_numbers(led: dict[str, Any]) -> None:
    text = read(tour_page(led)).text
    for token in led["tokenization"]["tokens"]:
        assert f"{token['token']}{token['id']}" in text
    for line in led["embeddings"]["words"]:
        for neighbor in line["neighbors"]:
            assert f"{neighbor['word']} {number(neighbor['cosine'])}" in text
    for gate in led["recurrent"]["gates"].values():
        assert "".join(number(value) for value in gate) in text
    for label in led["finetuning"]["labels"]:
        assert f"{label['label']}{number(label['probability'])}logit {number(label['logit'])}" in text
    for room in ("tokenization", "embeddings", "recurrent", "transformers", "finetuning"):
        for step in led[room]["steps"]:
            assert f"{step['formula']}{step['file']}:{step['line']} {step['symbol']}" in text


def test_every_attention_weight_has_its_cell(led: dict[str, Any]) -> None:
    page = tour_page(led)
    cells = re.findall(r"<td class='(u\d+)' title='([^']*)'>", page)
    weights = [value for head in led["transformers"]["heads"] for row in head["weights"] for value in row]
    assert cells == [(fill_class("unsigned", value), number(value)) for value in weights]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> good \"film\" 'x' &amp; </style><b>",
        "שלום עולם 🙃 a good film",
        "nul \0 and bell \a, good",
        "zzqqx",
        "good film " * 200,
    ],
)
def test_any_text_makes_a_sound_page_that_shows_it(text: str) -> None:
    led = tour(text).to_json()
    reader = read(tour_page(led))
    assert not {"script", "b:not(h2 b)"} & set(reader.tags)
    assert reader.tags.count("b") == 5, "the numbers of the rooms, and no other"
    control = re.sub(r"[\0-\x08\x0b-\x1f]", lambda found: chr(0x2400 + ord(found[0])), led["text"])
    assert control in reader.text


def test_fills_pass_through_the_scales_stops_and_carry_readable_ink() -> None:
    sheet = style(0)
    for scale, (light, dark) in SCALES.items():
        last = len(light) - 1
        for at in range(last + 1):
            assert at * SHADES % last == 0
            rule = re.search(
                rf"\.{scale[0]}{at * SHADES // last}{{background:light-dark\((#\w+),(#\w+)\)", sheet
            )
            assert rule is not None
            assert rule.groups() == (light[at], dark[at])
    assert "color:light-dark(#000,#fff)" in sheet
    assert "color:light-dark(#fff,#000)" in sheet


def test_each_word_links_its_own_class_only() -> None:
    sheet = style(2)
    assert sheet.count("main:has(.w0:hover,.w0:focus) .w0:not(circle)") == 1
    assert ".w2" not in sheet
