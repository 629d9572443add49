"""The pages of fine-tuning and runs in a real browser: numbers of the API, rows behind them, markup, unknown ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.lab.test_rooms import ask
from tests.lab.test_runs import MARKUP, make_run

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

SECONDS = 120_000


def open_runs(page: Page, server: Server, query: str) -> None:
    page.goto(f"{server.address}/runs?{query}")
    page.get_by_role("region", name="Runs").wait_for(timeout=SECONDS)
    page.wait_for_selector("[aria-busy=true]", state="detached", timeout=SECONDS)


def test_an_answer_and_its_tokens_say_why(server: Server, watched: Watched) -> None:
    page, text = watched.page, "A dull film, but she is wonderful."
    page.goto(f"{server.address}/finetuning?text={quote(text)}")
    page.get_by_role("button", name="wonderful").click(timeout=SECONDS)
    card = page.locator("[data-why]").first
    card.wait_for(timeout=SECONDS)
    figure = ask(server, "prediction", {"text": text})
    tokens = [token["text"] for token in figure["tokens"]]
    place = tokens.index("wonderful")
    why = ask(server, "prediction", {"text": text, "array": "attribution", "index": [place]})
    assert float(card.locator("[data-shown]").get_attribute("data-shown") or "nan") == why["shown"]
    assert float(card.locator("[data-value]").get_attribute("data-value") or "nan") == pytest.approx(
        why["value"]
    )
    page.get_by_role("button", name="logit of positive").click()
    page.locator("[data-why]").get_by_text("logits: positive").wait_for(timeout=SECONDS)
    # The change of a matrix, too, is a sum that can be seen.
    change = page.get_by_role("grid", name="ΔW, the change")
    change.focus(timeout=SECONDS)
    page.keyboard.press("Enter")
    page.locator("section[aria-label='LoRA'] [data-why]").get_by_text("rank 8").wait_for(timeout=SECONDS)
    assert watched.wrongs == []
    assert page.evaluate("violations") == []


def test_runs_are_found_compared_and_read_down_to_the_rows(server: Server, watched: Watched) -> None:
    page = watched.page
    open_runs(page, server, "")
    page.get_by_label("find").fill("loop.optimizer.rate=0.0125")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    page.wait_for_function("document.querySelectorAll('[aria-label=Runs] tbody tr').length === 1")
    assert "rate 0.0125" in rows.inner_text()
    page.get_by_role("button", name="compare: rate 0.0125").click()
    page.get_by_label("find").fill("")
    page.get_by_role("button", name="compare: rate 0.0005").click()
    p = page.locator("[data-p]")
    p.wait_for(timeout=SECONDS)
    assert float(p.get_attribute("data-p") or "nan") < 1e-10
    assert "first=" in page.url
    assert "second=" in page.url
    page.get_by_role("button", name="rate 0.0005", exact=True).click()
    cell = page.get_by_role("button", name="truly negative, answered positive")
    cell.click(timeout=SECONDS)
    count = cell.inner_text()
    page.get_by_text(f"{count} rows").wait_for(timeout=SECONDS)
    assert page.locator("section[aria-label=Rows] li.wrong").count() == min(int(count), 20)
    address = page.url
    page.reload()
    page.locator("[data-p]").wait_for(timeout=SECONDS)
    assert page.url == address
    assert watched.wrongs == []


@pytest.mark.parametrize("query", ["run=nothing", "first=..%2F..%2Fetc&second=sentiment", "find=%3Cb%3E"])
def test_what_is_not_there_is_told(server: Server, watched: Watched, query: str) -> None:
    page = watched.page
    open_runs(page, server, query)
    said = "no run says so" if query.startswith("find") else "There is no run|there is no run"
    page.locator(f"text=/{said}/").first.wait_for(timeout=SECONDS)
    assert page.locator("main b").filter(has_text="<b>").count() == 0
    assert [wrong for wrong in watched.wrongs if "404" not in wrong] == []


def test_markup_in_a_run_stays_text(start_server: Callable[..., Server], watched: Watched) -> None:
    folder = Path(mkdtemp(prefix="cutaway-lab-"))
    first, second = (make_run(folder / "runs", MARKUP + "!" * at) for at in range(2))
    server, page = start_server(0, folder), watched.page
    open_runs(page, server, f"run={first.id}&first={first.id}&second={second.id}")
    page.locator("section[aria-label='Run diff'] .verdict").wait_for(timeout=SECONDS)
    page.get_by_role("button", name="truly yes, answered <b>no</b>").click(timeout=SECONDS)
    page.get_by_text(f"{MARKUP} 2").first.wait_for(timeout=SECONDS)
    assert page.locator("main img").count() == 0
    assert page.get_by_role("heading", name=MARKUP, exact=True).count() == 1
    assert watched.wrongs == []
    assert page.evaluate("violations") == []
