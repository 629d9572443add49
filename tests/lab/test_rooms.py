"""The rooms' pages in a real browser: what is clicked is answered, addresses hold the state, nothing is inaccessible."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

PAGES = ("tokenization", "embeddings", "recurrent", "transformers", "finetuning", "runs", "catalog")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("figure, table")
    page.wait_for_selector("[aria-busy=true]", state="detached")


def ask(server: Server, figure: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server.address}/api/figures/{figure}",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_cell_answers_why_with_the_models_number(server: Server, watched: Watched) -> None:
    page, text = watched.page, "The bank raised its rates"
    open_page(page, f"{server.address}/transformers?text={text.replace(' ', '+')}&layer=2&head=8")
    scores = page.get_by_role("grid", name="Scores")
    scores.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    card = page.locator("[data-why]")
    card.wait_for()
    asked = {"text": text, "layer": 2, "head": 8, "array": "scores", "index": [1, 2]}
    why = ask(server, "bench", asked)
    assert float(card.locator("[data-shown]").get_attribute("data-shown") or "nan") == why["shown"]
    assert float(card.locator("[data-value]").get_attribute("data-value") or "nan") == why["value"]
    assert page.locator("[data-lit]").first.get_attribute("data-lit") == str(why["line"])
    page.get_by_role("button", name="Close").click()
    assert card.count() == 0
    assert watched.wrongs == []


def test_the_atlas_opens_a_head_and_lights_one_row_in_every_map(server: Server, watched: Watched) -> None:
    page, text = watched.page, "The bank raised its rates"
    open_page(page, f"{server.address}/transformers?text={text.replace(' ', '+')}")
    atlas = page.get_by_role("figure", name="Atlas of heads")
    atlas.wait_for()
    measured = ask(server, "atlas", {"text": text, "array": "previous", "index": [0, 2]})
    first = atlas.locator(".one").first
    assert atlas.locator("canvas").count() == 72
    first.get_by_role("button", name="why previous of layer 1, head 3").click()
    card = page.locator("[data-why]")
    card.wait_for()
    assert float(card.locator("[data-shown]").get_attribute("data-shown") or "nan") == measured["shown"]
    maps = first.get_by_role("button", name="Open layer 1, head 3 on the bench")
    maps.hover(position={"x": 36, "y": 30})
    assert atlas.locator(".lit:visible").count() == 72
    rows = {
        box["y"] - canvas["y"]
        for box, canvas in zip(
            *([one.bounding_box() for one in atlas.locator(kind).all()[:5]] for kind in (".lit", "canvas")),
            strict=True,
        )
    }  # type: ignore[index]
    assert len(rows) == 1
    maps.click()
    page.wait_for_function("location.search.includes('layer=1') && location.search.includes('head=3')")
    assert watched.wrongs == []


def test_the_address_holds_the_state(server: Server, watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{server.address}/tokenization?text=unforgettable&tokenizer=bpe-reviews")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    assert "cut=0" in page.url
    letters = page.locator(".tree .tokens span").count()
    assert letters == len("unforgettable")
    open_page(page, page.url)
    assert page.locator(".tree .tokens span").count() == letters
    page.keyboard.press("]")
    page.wait_for_function(f"document.querySelectorAll('.tree .tokens span').length < {letters}")
    tree = page.locator(".tree").first.get_attribute("aria-label") or ""
    assert tree.startswith(f"{letters - 1} tokens")


@pytest.mark.parametrize("query", ["layer=99&head=-3", "unit=abc", "cut=1e9&word=-1", "tokenizer=nothing"])
def test_a_state_that_cannot_be_is_no_broken_page(server: Server, watched: Watched, query: str) -> None:
    name = {"layer": "transformers", "unit": "recurrent"}.get(query.split("=")[0], "tokenization")
    page = watched.page
    page.goto(f"{server.address}/{name}?{query}")
    page.wait_for_selector("figure, [role=alert]")
    # A refused question is told in the page; the browser's own console line about it is no error of ours.
    assert [wrong for wrong in watched.wrongs if "422" not in wrong] == []


def test_markup_in_a_text_stays_text(server: Server, watched: Watched) -> None:
    page, text = watched.page, "<img src=x onerror=alert(1)> <b>bold</b>"
    for name in ("tokenization", "recurrent", "transformers"):
        open_page(page, f"{server.address}/{name}")
        field = page.locator("main input").first
        field.fill(text)
        field.press("Enter")
        page.wait_for_function("new URLSearchParams(location.search).get('text')?.includes('<img')")
        page.wait_for_selector("[aria-busy=true]", state="detached")
        assert page.locator("main img").count() == 0
    assert page.evaluate("window.violations") == []
    assert watched.wrongs == []


def test_no_request_leaves_the_machine_and_pages_come_when_asked(server: Server, watched: Watched) -> None:
    page = watched.page
    open_page(page, f"{server.address}/recurrent")
    page.get_by_role("link", name="tokenization").click()
    page.wait_for_selector(".tree")
    assert {urlsplit(request).netloc for request in watched.requests} == {urlsplit(server.address).netloc}
    assert not any("Embeddings-" in request for request in watched.requests)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server: Server, browser: Browser, name: str, scheme: Any) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    open_page(page, f"{server.address}/{name}")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    serious = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert serious == []
    assert wide <= 360


def test_keys_find_the_text_close_the_answer_play_and_explain_themselves(
    server: Server, watched: Watched
) -> None:
    page = watched.page
    open_page(page, f"{server.address}/embeddings")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    page.locator(".beside-table .minor").first.click()
    page.locator("[data-why]").wait_for()
    page.keyboard.press("Backspace")
    page.locator("[data-why]").wait_for(state="detached")
    page.evaluate("document.activeElement.blur()")
    before = page.locator("#snapshot").input_value()
    page.keyboard.press(" ")
    page.wait_for_function("(before) => document.querySelector('#snapshot').value !== before", arg=before)
    page.keyboard.press(" ")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("?")
    assert page.evaluate("document.activeElement.value.includes('?')"), "what is typed stays typed"
    assert watched.wrongs == []
