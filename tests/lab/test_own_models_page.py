"""In the browser: a head's numbers set by hand, the reader's own words laid flat, words behind a mask."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cutaway.cli.main import main

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.lab.conftest import Server, Watched

pytestmark = pytest.mark.browser

LINES = ["the king rules the land", "the queen rules the land", "the dog eats a bone", "the cat eats a fish"]


def ask(server: Server, figure: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{server.address}/api/figures/{figure}",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("figure", timeout=120_000)
    page.wait_for_selector("[aria-busy=true]", state="detached", timeout=120_000)


def test_a_number_set_by_hand_is_followed_and_undone(server: Server, watched: Watched) -> None:
    page = watched.page
    opened(page, f"{server.address}/transformers?text=not+bad+at+all&layer=2&head=8")
    scores = page.get_by_role("grid", name="Scores: query · key ÷ √d")
    scores.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    by_hand = page.get_by_role("region", name="Set by hand")
    by_hand.get_by_label("set the score of not for [CLS] to").fill("9")
    by_hand.get_by_role("button", name="set", exact=True).click()
    page.wait_for_selector("figure[aria-label^='How the output changed']")
    assert "set=scores.1.0%3D9" in page.url
    edits = [{"array": "scores", "row": 1, "column": 0, "value": 9}]
    body = {"text": "not bad at all", "layer": 2, "head": 8, "edits": edits}
    why = ask(server, "bench", {**body, "array": "weights", "index": [1, 0]})
    page.get_by_role("grid", name="Weights: where each token looks").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    card = page.locator("[data-why]")
    assert float(card.locator("[data-shown]").get_attribute("data-shown") or 0) == why["shown"]
    by_hand.get_by_role("button", name="as the model has it").click()
    page.wait_for_selector("figure[aria-label^='How the output changed']", state="detached")
    assert "set=" not in page.url
    assert watched.wrongs == []


def test_the_readers_own_words_are_laid_flat(server: Server, watched: Watched) -> None:
    page = watched.page
    words = ["king", "queen", "dog", "cat", "red", "green", "notaword"]
    opened(page, f"{server.address}/embeddings?words={'+'.join(words)}")
    figure = page.get_by_role("figure", name="Map of your words")
    figure.wait_for()
    answer = ask(server, "map", {"words": words})
    assert figure.get_by_role("button", name="true neighbors").count() == 6
    assert "notaword" in figure.inner_text()
    share = f"share of {answer['near']} nearest kept"
    assert share in figure.inner_text()
    figure.get_by_role("button", name="king: true neighbors queen").focus()
    page.keyboard.press("Enter")
    assert figure.get_by_role("button", name="king: true neighbors").get_attribute("aria-pressed") == "true"
    assert watched.wrongs == []


def test_words_behind_a_mask_or_how_to_get_a_model_that_knows_them(
    start_server: Callable[..., Server], watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, runs = watched.page, tmp_path / "runs"
    server = start_server(folder=tmp_path)
    opened(page, f"{server.address}/transformers?text=not+bad")
    part = page.get_by_role("region", name="Fill the mask")
    part.get_by_text("cutaway catalog fetch bert-base-uncased").wait_for()
    monkeypatch.setenv("CUTAWAY_RUNS", str(runs))
    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES * 40) + "\n", encoding="utf-8")
    size = ["--size", "1x16x2x32", "--vocabulary", "300", "--tokens", "16", "--epochs", "1"]
    more = ["--precision", "float32", "--out", str(runs / "words")]
    assert main(["pretrain", str(text), "--objective", "masked-words", *size, *more]) == 0
    opened(page, f"{server.address}/transformers?text=not+bad&guess=the+[MASK]+rules")
    figure = part.get_by_role("figure")
    figure.wait_for()
    assert figure.get_by_role("button", name="probability of").count() == 12
    figure.get_by_role("button", name="logit of").first.click()
    part.locator("[data-why]").wait_for()
    assert watched.wrongs == []
