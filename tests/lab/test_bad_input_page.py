"""What a reader may paste or type into an address: too much, too long, markup, names of nothing. The page stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

ROOMS = ("tokenization", "recurrent", "transformers")


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("figure", timeout=120_000)
    page.wait_for_selector("[aria-busy=true]", state="detached", timeout=60_000)


def paste(page: Page, text: str) -> None:
    """Put a text into the page's first field as a paste does, and leave the field."""
    page.locator("main input").first.evaluate(
        """(box, text) => {
            box.value = text;
            box.dispatchEvent(new Event("input", { bubbles: true }));
            box.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        text,
    )


def ours(watched: Watched) -> list[str]:
    """What went wrong in the page; the browser's own lines about refused questions are no errors of ours."""
    return [wrong for wrong in watched.wrongs if "status of 4" not in wrong]


@pytest.mark.parametrize("room", ROOMS)
def test_a_megabyte_is_refused_in_one_line_and_the_next_text_works(
    server: Server, watched: Watched, room: str
) -> None:
    page = watched.page
    opened(page, f"{server.address}/{room}")
    paste(page, "good film " * 100_000)
    alert = page.locator("main [role=alert]").first
    alert.wait_for()
    assert len(alert.inner_text()) < 200
    assert "shorten" in alert.inner_text() or "shorter" in alert.inner_text()
    assert len(page.url) < 10_000
    paste(page, "fine again")
    page.wait_for_selector("main [role=alert]", state="detached")
    page.wait_for_selector("[aria-busy=true]", state="detached")
    assert page.locator("figure").first.is_visible()
    assert ours(watched) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_text_longer_than_the_model_is_read_as_far_as_it_goes(
    server: Server, watched: Watched, room: str
) -> None:
    page = watched.page
    opened(page, f"{server.address}/{room}")
    paste(page, "a slow but warm film " * 200)
    page.wait_for_function("new URLSearchParams(location.search).get('text')?.length > 3000")
    page.wait_for_selector("[aria-busy=true]", state="detached", timeout=60_000)
    assert page.locator("main [role=alert]").count() == 0
    assert page.locator("figure").first.is_visible()
    assert "left out" in page.inner_text("main") or "are drawn" in page.inner_text("main")
    assert ours(watched) == []


@pytest.mark.parametrize(
    "address",
    [
        "transformers?layer=99&head=-1&sort=nothing&without=everything&rolled=99",
        "recurrent?unit=1e9&gate=none&at=-4&valve=abc&open=900&radius=77&bias=NaN",
        "embeddings?snapshot=-1&input=99&all=perhaps",
        "tokenization?cut=-1&word=99999999999",
    ],
)
def test_an_address_that_names_nothing_falls_back_to_what_is_there(
    server: Server, watched: Watched, address: str
) -> None:
    opened(watched.page, f"{server.address}/{address}")
    assert watched.page.locator("figure").first.is_visible()
    assert ours(watched) == []


@pytest.mark.parametrize(
    "address", ["tokenization?tokenizer=../../etc/passwd", "embeddings?plus=%3Cb%3E&minus=x"]
)
def test_an_unknown_name_is_told_in_one_line(server: Server, watched: Watched, address: str) -> None:
    page = watched.page
    page.goto(f"{server.address}/{address}")
    alert = page.wait_for_selector("main [role=alert]", timeout=120_000)
    assert len(alert.inner_text()) < 300
    assert page.locator("main b:not(.mono)", has_text="<b>").count() == 0
    assert ours(watched) == []


def test_markup_in_every_field_stays_text(server: Server, watched: Watched) -> None:
    page, evil = watched.page, "<img src=x onerror=alert(1)><script>alert(2)</script>"
    opened(page, f"{server.address}/embeddings")
    for field in page.locator(
        "main .field input:not([type=range], [type=number]), main .field textarea"
    ).all():
        field.fill(evil)
        field.press("Tab")
    page.wait_for_selector("main [role=alert]", timeout=60_000)
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.violations") == []
    assert ours(watched) == []


def test_a_page_that_is_told_to_wait_comes_again(server: Server, watched: Watched) -> None:
    page, told = watched.page, []

    def answer(route: Route) -> None:
        told.append(route.request.url)
        if len(told) > 2:
            return route.continue_()
        headers = {"retry-after": "0", "content-type": "application/json"}
        return route.fulfill(status=429, headers=headers, body='{"error": "too many texts are waiting"}')

    page.route("**/api/figures/cut", answer)
    opened(page, f"{server.address}/tokenization")
    assert len(told) == 3
    assert page.locator("main [role=alert]").count() == 0
    assert ours(watched) == []
