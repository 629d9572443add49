"""The page in a real browser: its numbers are the API's, its text is text, its requests stay here."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SENTENCE = "I love learning about LLMs"
ROOMS = ("tokenization", "embeddings", "recurrent", "transformers", "finetuning")


def shown(value: float) -> str:
    """Three significant digits, ties away from zero, a true minus; beyond 0.001 and 1000 an exponent."""
    exact = Decimal(value)
    if exact == 0:
        return "0"
    digits, exponent = f"{abs(exact):.3e}", abs(exact).adjusted()
    rounded = (abs(exact) / Decimal(10) ** (exponent - 2)).quantize(Decimal(1), ROUND_HALF_UP)
    if rounded == 1000:
        rounded, exponent = Decimal(100), exponent + 1
    sign, digits = ("−" if exact < 0 else ""), str(rounded)
    if abs(exact) < Decimal("0.001") or exponent >= 3:
        return f"{sign}{digits[0]}.{digits[1:]}e{exponent}".replace("e-", "e−")
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return sign + (f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}" if exponent < 2 else digits)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1.00"),
        (-0.78391, "−0.784"),
        (0.05, "0.0500"),
        (12.345, "12.3"),
        (9.999, "10.0"),
        (999.4, "999"),
        (999.9, "1.00e3"),
        (4.2e-5, "4.20e−5"),
    ],
)
def test_the_tests_own_formatting(value: float, text: str) -> None:
    assert shown(value) == text


def ask(address: str, text: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/api/tour", json.dumps({"text": text}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        result: dict[str, Any] = json.load(answer)
    return result


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of an answer with the path that leads to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from numbers(inner, f"{path}.{at}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


# What the page draws instead of printing: places in text, and which word is meant.
DRAWN = re.compile(
    r"words\.\d+\.(start|end)|\w+\.words\.\d+(\.word)?|.*\.steps\..*|tokenization\.tries\..*|.*\.tokens\.\d+\.word"
    r"|transformers\.tokens\..*|embeddings\.similarity\.words\..*|embeddings\.closest\.[ab]|.*\.heads\.\d+\.(layer|head)"
)
WHOLE = re.compile(r"tokenization\.tokens\.\d+\.(id|start|end)|transformers\.heads\.\d+\.(layer|head)")


def open_page(page: Page, address: str, text: str | None = None) -> None:
    page.goto(address if text is None else f"{address}/?{urllib.parse.urlencode({'text': text})}")
    page.wait_for_selector("[data-path]", state="attached")


def printed(page: Page) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = page.eval_on_selector_all(
        "[data-path]", "all => all.map((one) => [one.dataset.path, one.textContent])"
    )
    return found


def test_typing_a_sentence_shows_the_apis_numbers_and_nothing_else(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address)
    typed = "This film was not bad, it was unforgettably slow"
    page.fill("textarea", typed)
    with page.expect_response("**/api/tour"):
        page.press("textarea", "Enter")
    page.wait_for_selector("text=unforgettably >> nth=0")
    page.wait_for_function("document.querySelector('#rooms').getAttribute('aria-busy') === 'false'")
    for summary in page.query_selector_all("figure summary, .head summary"):
        summary.click()
    answer = ask(server.address, typed)
    truth = dict(numbers(answer))
    found = printed(page)
    for path, text in found:
        value = truth[path]
        assert text == (str(value) if WHOLE.fullmatch(path) else shown(value)), path
    missing = {path for path in truth if not DRAWN.fullmatch(path)} - {path for path, _ in found}
    assert not missing
    # Nothing that looks like a measured number stands outside those; 0.5 is a tick of two axes.
    stray = page.evaluate(
        """() => {
            const walker = document.createTreeWalker(document.querySelector("#rooms"), NodeFilter.SHOW_TEXT);
            const found = [];
            while (walker.nextNode()) {
                const node = walker.currentNode;
                if (/\\d\\.\\d/.test(node.data) && !node.parentElement.closest("[data-path], .steps")) found.push(node.data);
            }
            return found;
        }"""
    )
    assert set(stray) <= {"0.5"}
    assert page.text_content(".answer bdi") == answer["finetuning"]["label"]
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["text"] == [typed]
    assert not watched.wrongs
    assert page.evaluate("violations") == []
    assert all(request.startswith(server.address) for request in watched.requests)


def test_each_room_shows_its_formulas_and_their_lines(server: Any, watched: Any) -> None:
    open_page(watched.page, server.address, SENTENCE)
    answer = ask(server.address, SENTENCE)
    for at, room in enumerate(ROOMS, start=1):
        lines = watched.page.eval_on_selector_all(
            f"[data-room='{at}'] .steps li",
            "all => all.map((one) => one.textContent.replace(/\\s+/g, ' ').trim())",
        )
        assert lines == [
            f"{step['formula']} {step['file']}:{step['line']} {step['symbol']}"
            for step in answer[room]["steps"]
        ]


def test_a_word_is_marked_in_every_room_by_hover_focus_and_click(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address, SENTENCE)
    word = page.locator(".spine [data-mark='7-15']")

    def rooms_with(kind: str) -> set[str]:
        return set(
            page.eval_on_selector_all(
                f"[data-room] .{kind}", "all => all.map((one) => one.closest('[data-room]').dataset.room)"
            )
        )

    height = page.evaluate("document.documentElement.scrollHeight")
    word.hover()
    assert rooms_with("hovered") == {"1", "2", "3", "4"}
    assert page.evaluate("document.documentElement.scrollHeight") == height, "pointing must not move the page"
    word.click()
    page.mouse.move(5, 5)
    assert rooms_with("pinned") == {"1", "2", "3", "4"}
    assert rooms_with("hovered") == set()
    assert "learning" in page.inner_text(".pin")
    assert "pin=7-15" in page.url
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.mark") == "16-21"
    assert rooms_with("hovered") == {"1", "2", "3", "4"}
    page.keyboard.press("Escape")
    assert rooms_with("pinned") == set()
    assert "pin=" not in page.url
    assert not watched.wrongs


def test_the_address_holds_text_pin_and_enlarged_head(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address, SENTENCE)
    page.locator("[aria-label^='Enlarge']").first.click()
    page.locator(".spine [data-mark='2-6']").click()
    address = page.url
    assert "head=" in address
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".spine .pinned")
    assert page.inner_text(".spine .pinned") == "love"
    assert page.locator("[data-room='4'] [role='grid'][aria-label$='enlarged']").count() == 1
    page.fill("textarea", "A dull evening")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_selector(".spine >> text=evening")
    page.go_back()
    page.wait_for_selector(".spine >> text=LLMs")
    assert page.input_value("textarea") == SENTENCE


def test_a_heat_map_is_walked_by_keys(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address, SENTENCE)
    page.focus("[aria-label='Cosine of every two words']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    cell = page.locator("[aria-label='Cosine of every two words'] [role='gridcell']")
    assert "learning" in cell.inner_text()
    matrix = ask(server.address, SENTENCE)["embeddings"]["similarity"]["matrix"]
    assert shown(matrix[2][1]) in cell.inner_text()
    page.keyboard.press("Enter")
    assert page.inner_text(".spine .pinned") == "learning"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> <img src=x onerror=alert(2)> good film",
        '</textarea><b>bold</b> &amp; "quotes" \' {{ 7*7 }} `${1}`',
        "שלום עולם, a good film 🙃👩‍👩‍👧",
        "nul \0 and bell \a, good",
    ],
)
def test_any_text_is_shown_as_text(server: Any, watched: Any, text: str) -> None:
    page = watched.page
    open_page(page, server.address)
    page.fill("textarea", text)
    with page.expect_response("**/api/tour") as response:
        page.press("textarea", "Enter")
    answer = response.value.json()
    first = answer["words"][-1]["text"]
    page.wait_for_function("(word) => document.querySelector('.spine').textContent.includes(word)", arg=first)
    words = page.eval_on_selector_all(".spine [data-stop]", "all => all.map((one) => one.textContent)")
    assert words == [
        re.sub(r"[\0-\x20]", lambda c: chr(0x2400 + ord(c[0])), word["text"]) for word in answer["words"]
    ]
    assert page.locator("main img, main script, main b:not(.mono)").count() == 0
    assert not watched.wrongs
    assert page.evaluate("violations") == []


def test_a_text_beyond_the_limit_is_refused_in_the_page(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address)
    asked = len(watched.questions("/api/tour"))
    page.evaluate(
        "text => { const box = document.querySelector('textarea'); box.value = text; box.dispatchEvent(new Event('input')); }",
        "good film " * 100_000,
    )
    page.get_by_role("button", name="Run", exact=True).click()
    alert = page.wait_for_selector("[role='alert']")
    assert alert.inner_text().startswith("This text takes 1,000,0")
    assert "the lab takes 256,000: shorten it" in alert.inner_text()
    assert len(watched.questions("/api/tour")) == asked


def test_a_text_without_words_is_one_line_and_the_next_one_works(server: Any, watched: Any) -> None:
    page = watched.page
    open_page(page, server.address)
    page.fill("textarea", "   ")
    page.get_by_role("button", name="Run", exact=True).click()
    assert "no word" in page.wait_for_selector("[role='alert']").inner_text()
    page.fill("textarea", "fine again")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_selector(".spine >> text=again")
    assert page.locator("[role='alert']").count() == 0


def test_a_server_that_is_gone_and_comes_back(start_server: Callable[..., Any], watched: Any) -> None:
    page = watched.page
    server = start_server()
    open_page(page, server.address)
    server.stop()
    page.fill("textarea", "still here")
    page.get_by_role("button", name="Run", exact=True).click()
    alert = page.wait_for_selector("[role='alert']")
    assert f"No answer from the lab at 127.0.0.1:{server.port}" in alert.inner_text()
    assert page.input_value("textarea") == "still here"
    start_server(server.port)
    page.click("button >> text=Try again")
    page.wait_for_selector(".spine >> text=still")
    assert page.locator("[role='alert']").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_both_schemes(server: Any, watched: Any, scheme: str) -> None:
    page = watched.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    open_page(page, server.address, SENTENCE)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 248)", "dark": "rgb(22, 24, 29)"}[scheme]
    other = {"light": "dark", "dark": "light"}[scheme]
    page.click(f"header >> text={other}")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
