"""Figures taken away: a saved SVG is whole and holds the API's numbers, a PNG is the same picture, the CSV every digit."""

from __future__ import annotations

import csv
import io
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
TEXT = "A <b>slow</b> film"


def opened(server: Server, page: Page, name: str, **query: str | int) -> None:
    page.goto(f"{server.address}/{name}?{urlencode(query)}")
    # The first text may have to wait for kernels to be compiled.
    page.wait_for_selector("figure", timeout=120_000)
    page.wait_for_selector("[aria-busy=true]", state="detached")


def taken(page: Page, figure: str, kind: str) -> bytes:
    found = page.get_by_role("figure", name=figure, exact=True)
    drawer = found.locator("details", has_text="save or copy")
    if drawer.get_attribute("open") is None:
        drawer.locator("summary").click()
    with page.expect_download() as download:
        drawer.get_by_role("button", name=f"save {figure} as {kind}").click()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    return Path(download.value.path()).read_bytes()


def ask(server: Server, figure: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.address}/api/figures/{figure}",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def weights(server: Server) -> list[list[float]]:
    import base64

    import numpy as np

    packed = ask(server, "bench", {"text": TEXT, "layer": 2, "head": 8})["trace"]["arrays"]["weights"]
    values = np.frombuffer(base64.b64decode(packed["base64"]), packed["dtype"]).reshape(packed["shape"])
    return [[float(value) for value in row] for row in values]


COLORS = """async ([bytes, points]) => {
    const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const at = ([x, y]) => "rgb(" + [...canvas.getImageData(x, y, 1, 1).data].slice(0, 3).join(", ") + ")";
    return [picture.width, picture.height, points.map(at)];
}"""


def corner(cell: ElementTree.Element) -> list[float]:
    """Where a cell's corner, free of its number, is in the PNG, which has two pixels for each of the SVG's and a margin of 12."""
    left, top = [float(part) for part in cell.attrib["transform"][7:-1].split()[4:]]
    return [2 * (12 + left + float(cell.attrib["x"]) + 3), 2 * (12 + top + float(cell.attrib["y"]) + 3)]


def test_a_saved_svg_parses_and_holds_the_numbers(server: Server, watched: Watched) -> None:
    page, name = watched.page, "Weights: where each token looks"
    opened(server, page, "transformers", text=TEXT, layer=2, head=8)
    asked = len(watched.requests)
    whole = ElementTree.fromstring(taken(page, name, "SVG"))
    table = list(csv.reader(io.StringIO(whole.findtext(f"{SVG}metadata"))))
    truth = weights(server)
    tokens = [row[0] for row in table[1:]]
    assert table[0][1:] == tokens
    assert tokens[:3] == ["[CLS]", "a", "<"]
    assert [[float(cell) for cell in row[1:]] for row in table[1:]] == truth
    cells = [one for one in whole.iter(f"{SVG}rect") if one.get("stroke-width") == "0.5"]
    assert len(cells) == len(truth) ** 2
    assert len({cell.get("fill") for cell in cells}) > 3, "computed fills, not one for all"
    texts = [one.text for one in whole.iter(f"{SVG}text")]
    assert texts.count("slow") == 2
    assert "".join(whole.findtext(f"{SVG}title") or "") == name
    left = {one.tag for one in whole.iter()} - {
        SVG + tag for tag in ("svg", "title", "metadata", "rect", "text", "line", "path")
    }
    assert left == set()
    assert not any(
        "var(" in value or "http" in value for one in whole.iter() for value in one.attrib.values()
    )
    assert [
        request
        for request in watched.requests[asked:]
        if "/assets/" not in request and "blob:" not in request
    ] == []
    assert watched.wrongs == []
    assert page.evaluate("window.violations") == []


def test_png_and_csv_are_the_same_figure(server: Server, watched: Watched) -> None:
    page, name = watched.page, "Weights: where each token looks"
    opened(server, page, "transformers", text=TEXT, layer=2, head=8)
    whole = ElementTree.fromstring(taken(page, name, "SVG"))
    cells = [one for one in whole.iter(f"{SVG}rect") if one.get("stroke-width") == "0.5"]
    png = list(taken(page, name, "PNG"))
    width, height, colors = page.evaluate(COLORS, [png, [corner(cell) for cell in cells]])
    assert (width, height) == (2 * int(whole.attrib["width"]), 2 * int(whole.attrib["height"]))
    assert colors == [cell.get("fill") for cell in cells]
    assert taken(page, name, "CSV").decode() == (whole.findtext(f"{SVG}metadata") or "").replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("page_name", "figure"),
    [
        ("tokenization", "Merge forest"),
        ("tokenization", "The same text, cut by each tokenizer"),
        ("embeddings", "Tug of war"),
        ("", "Nearest words in the whole table"),
    ],
)
def test_figures_that_are_no_single_drawing_are_saved_whole(
    server: Server, watched: Watched, page_name: str, figure: str
) -> None:
    page = watched.page
    opened(server, page, page_name)
    whole = ElementTree.fromstring(taken(page, figure, "SVG"))
    drawn = " ".join(one.text or "" for one in whole.iter(f"{SVG}text"))
    seen = page.get_by_role("figure", name=figure, exact=True)
    for number in seen.locator("[data-path]").all_inner_texts():
        assert number in drawn
    assert figure in drawn
    assert "save or copy" not in drawn
    right = max(float(one.get("x", 0)) + float(one.get("width", 0)) for one in whole.iter(f"{SVG}rect"))
    assert right <= float(whole.attrib["width"])
    assert watched.wrongs == []


def test_a_large_map_is_saved_with_its_pixels(server: Server, watched: Watched) -> None:
    page = watched.page
    opened(server, page, "transformers", text="slow film " * 40)
    whole = ElementTree.fromstring(taken(page, "Weights: where each token looks", "SVG"))
    (image,) = whole.iter(f"{SVG}image")
    assert image.attrib["href"].startswith("data:image/png;base64,")
    assert len((whole.findtext(f"{SVG}metadata") or "").splitlines()) == 83


def test_copying_puts_it_on_the_clipboard(server: Server, watched: Watched) -> None:
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(server, page, "recurrent", text="good film")
    figure = page.get_by_role("figure", name="Shares of all units together")
    figure.locator("summary", has_text="save or copy").click()
    figure.get_by_role("button", name="copy Shares of all units together as SVG").click()
    page.wait_for_selector("text=SVG copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert ElementTree.fromstring(copied).tag == f"{SVG}svg"
