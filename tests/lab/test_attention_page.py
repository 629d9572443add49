"""The page of `cutaway attend --html` in a real browser: it draws, it answers to keys, it asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cutaway.cli.main import main
from cutaway.core.render import number
from cutaway.finetuning.asking import ask, open_model
from cutaway.transformers.heads import measure_heads

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
TEXT = "<b>not</b> a bad film, I loved it"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "attention.html"
    assert main(["attend", TEXT, "--html", str(path)]) == 0
    return path


def opened(browser: Browser, written: Path, width: int = 1200) -> tuple[Page, list[str]]:
    page, wrongs = browser.new_page(viewport={"width": width, "height": 900}), []
    page.on("pageerror", lambda error: wrongs.append(str(error)))
    page.on("console", lambda message: wrongs.append(message.text))
    page.on(
        "request", lambda request: wrongs.append(request.url) if "attention.html" not in request.url else None
    )
    page.goto(written.as_uri())
    return page, wrongs


def test_the_atlas_shows_the_measures_and_a_key_moves_to_the_next_head(
    browser: Browser, written: Path
) -> None:
    page, wrongs = opened(browser, written)
    assert page.locator("h1").inner_text() == TEXT
    measures = measure_heads(ask(open_model("sentiment"), TEXT).question.trace())
    page.get_by_label("first token").check()
    cells = page.locator("section").first.locator("button.cell")
    assert cells.count() == measures["first"].size
    for at in (0, 17, 71):
        expected = number(float(measures["first"].flat[at]))
        assert cells.nth(at).get_attribute("title") == f"first {expected}"
    cells.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("section").nth(1).locator("h3").inner_text() == "layer 1, head 1"
    assert cells.nth(13).get_attribute("aria-pressed") == "true"
    assert wrongs == []


def test_pointing_at_a_weight_says_its_number(browser: Browser, written: Path) -> None:
    page, wrongs = opened(browser, written)
    page.get_by_label("layer 2, head 3: previous", exact=False).first.click()
    trace = ask(open_model("sentiment"), TEXT).question.trace()
    head = page.locator("section").nth(1)
    count = len(trace.labels["key"])
    head.locator(".grid .cell").nth(4 * count + 5).hover()
    said = head.locator(".say").inner_text()
    told, _, value = said.rpartition(": ")
    assert told == f"{trace.labels['key'][4]} looks at {trace.labels['key'][5]}"
    assert float(value.replace("−", "-")) == pytest.approx(trace["weights"][2, 3, 4, 5], abs=1e-4)
    head.locator(".grid").focus()
    page.keyboard.press("ArrowLeft")
    assert (
        head.locator(".say")
        .inner_text()
        .startswith(f"{trace.labels['key'][4]} looks at {trace.labels['key'][4]}")
    )
    assert wrongs == []


def test_a_narrow_screen_scrolls_no_page_sideways(browser: Browser, written: Path) -> None:
    page, wrongs = opened(browser, written, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert wrongs == []
