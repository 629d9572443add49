"""Trainings in a real browser: started, watched, found again after a reload and in another tab, lost and found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.lab.test_jobs import MANY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

SECONDS = 180_000  # milliseconds: kernels may have to be compiled, on a machine that is shared


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def wait_for_state(page: Page, name: str, state: str) -> None:
    page.locator(f"section[aria-label='{name}'][data-state='{state}']").wait_for(timeout=SECONDS)


def test_a_tokenizer_trained_on_the_page_cuts_the_readers_text(server: Server, watched: Watched) -> None:
    page, title = watched.page, "Train a tokenizer"
    page.goto(f"{server.address}/tokenization?text=hug+pug")
    box = panel(page, title)
    box.get_by_label("a text to learn from").fill("<img src=x onerror=alert(1)> hug " * 10 + "pug " * 5)
    box.get_by_label("vocabulary").fill("280")
    box.get_by_role("button", name="Train").click()
    wait_for_state(page, title, "done")
    assert box.locator("[data-vocabulary]").inner_text() == "280"
    job = box.get_attribute("data-job") or ""
    assert f"job={job}" in page.url
    page.reload()
    wait_for_state(page, title, "done")
    box.get_by_role("button", name="Cut my text with it").click()
    page.wait_for_url(lambda url: f"tokenizer=job-{job}" in url, timeout=SECONDS)
    page.locator(".tree").first.wait_for(timeout=SECONDS)
    # "hug" is one token: so often did it stand.
    assert page.locator(".tree").first.get_attribute("aria-label", timeout=SECONDS).startswith("1 token")
    assert page.locator("main img").count() == 0
    assert watched.wrongs == []
    assert page.evaluate("violations") == []


def test_a_training_is_seen_in_two_tabs_through_a_crash_of_the_lab(
    start_server: Callable[..., Server], browser: Browser, watched: Watched
) -> None:
    page, title = watched.page, "Train vectors"
    server = start_server()
    page.goto(f"{server.address}/embeddings")
    box = panel(page, title)
    box.get_by_label("a text to learn from").fill(MANY)
    for label, value in (("dimensions", "300"), ("epochs", "500"), ("words to watch", "w8")):
        box.get_by_label(label, exact=True).fill(value)
    box.get_by_role("button", name="Train").click()
    box.locator(".plot path.line").first.wait_for(timeout=SECONDS)
    other = browser.new_page()
    other.goto(f"{server.address}/embeddings")
    wait_for_state(other, title, "running")
    assert panel(other, title).get_attribute("data-job") == box.get_attribute("data-job")
    server.stop()
    note = box.get_by_text("No answer from the lab")
    note.wait_for(timeout=SECONDS)
    start_server(server.port, server.folder)
    note.wait_for(state="detached", timeout=SECONDS)
    assert box.get_attribute("data-state") == "running"
    panel(other, title).get_by_role("button", name="Stop").click()
    wait_for_state(page, title, "stopped")
    assert "kept: state" in box.inner_text()
    box.get_by_role("button", name="Go on").click()
    wait_for_state(page, title, "running")
    box.get_by_role("button", name="Stop").click()
    wait_for_state(page, title, "stopped")
    other.close()


def test_an_unknown_training_in_the_address_and_a_failed_one_are_told(
    server: Server, watched: Watched
) -> None:
    page, title = watched.page, "Train an LSTM to write"
    page.goto(f"{server.address}/recurrent?job=..%2F..%2Fetc<b>")
    box = panel(page, title)
    assert "There is no training" in box.get_by_role("alert").inner_text(timeout=SECONDS)
    box.get_by_label("a text to learn from").fill("<b>too short</b>")
    box.get_by_role("button", name="Train").click()
    wait_for_state(page, title, "failed")
    assert "16 characters" in box.get_by_role("alert").inner_text()
    box.get_by_label("units").fill("100000")
    box.get_by_role("button", name="Train").click()
    box.get_by_text("hidden: Input should be less than or equal to 512").wait_for(timeout=SECONDS)
    assert [wrong for wrong in watched.wrongs if "422" not in wrong] == []
