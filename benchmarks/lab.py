"""The lab measured in a real browser: what the first page weighs, when it is there, and how fast it reacts.

    python benchmarks/lab.py

Needs the built page and Chromium (/usr/bin/chromium; CHROMIUM names another). Server and browser share the
machine's cores; nothing is throttled. Each result says what it must stay under.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from record import use_data_beside, write_record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
REPEATS = 7
WORDS = ("the", "film", "was", "not", "bad", "at", "all", "just", "slow", "and", "long", "but", "warm")
STATIC = Path(__file__).parents[1] / "src" / "cutaway" / "lab" / "static"

# When the sentence's box is there and the page has nothing left to do, it answers to a key.
WATCH_READY = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("textarea, main input")) return;
  observer.disconnect();
  requestIdleCallback(() => (window.ready = performance.now()));
}).observe(document, { childList: true, subtree: true });
"""

# From the pointer's own time stamp to the frame in which what it points at is lit.
WATCH_HOVER = """(lit) => {
  window.hovers = [];
  addEventListener("pointermove", (event) => {
    const from = event.timeStamp;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (document.querySelector(lit)?.checkVisibility()) hovers.push(performance.now() - from);
    }));
  }, true);
}"""

# A new place of the slider in every frame; the frames' distances in milliseconds.
SCRUB = """async (selector) => {
  const slider = document.querySelector(selector);
  const most = Number(slider.max);
  const frames = [];
  let last = await new Promise(requestAnimationFrame);
  for (let at = 0; at < 180; at++) {
    slider.value = String(Math.abs((at % (2 * most)) - most));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def text_of(tokens: int, salt: int) -> str:
    """Return a text of so many tokens, [CLS] and [SEP] among them: each salt another text."""
    return " ".join(WORDS[(at * (salt + 1) + salt) % len(WORDS)] for at in range(tokens - 2))


def result(work: str, values: Sequence[float], unit: str, most: float) -> dict[str, object]:
    """Return one measurement: its middle, its worst, and what it must stay under."""
    return {
        "work": work,
        f"median_{unit}": round(statistics.median(values), 3),
        f"largest_{unit}": round(max(values), 3),
        f"must_stay_under_{unit}": most,
        "holds": statistics.median(values) < most,
        "raw": [round(value, 3) for value in values],
    }


def first_page(browser: Browser, address: str) -> list[dict[str, object]]:
    """Weigh the scripts of the first page, and time its first paint and its first answer to a key."""
    painted, ready, weights = [], [], []
    for _ in range(REPEATS):
        page = browser.new_page()
        page.add_init_script(WATCH_READY)
        scripts: list[str] = []
        page.on("request", lambda one, found=scripts: found.append(one.url))  # type: ignore[misc]
        page.goto(address)
        page.wait_for_function("window.ready > 0")
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        page.wait_for_function(f"{paint} > 0")
        painted.append(float(page.evaluate(paint)))
        ready.append(float(page.evaluate("window.ready")))
        files = [STATIC / url.removeprefix(address).lstrip("/") for url in scripts if url.endswith(".js")]
        weights.append(sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) / 1e3)
        page.close()
    return [
        result("scripts of the first page, gzip", weights[:1], "kB", 250),
        result("first paint, a fresh page", painted, "ms", 1000),
        result("interactive, a fresh page", ready, "ms", 1500),
    ]


def hovering(page: Page, address: str) -> list[dict[str, object]]:
    """Point at maps of 128 tokens, 12 heads and 6 layers, and at the cells of one head."""
    found = []
    page.goto(f"{address}/transformers?text={text_of(128, 3).replace(' ', '+')}")
    page.wait_for_selector(".atlas canvas", timeout=120_000)
    page.wait_for_selector("[aria-busy=true]", state="detached", timeout=120_000)
    # Selector, what it is, what is lit, and how far inside its edge its cells begin.
    places = (
        (".atlas canvas", "atlas: one row in 72 maps", ".lit", 8),
        ("[role=grid]", "one head: a cell", ".readout strong", 130),
    )
    for selector, what, lit, edge in places:
        page.locator(selector).first.evaluate("one => one.scrollIntoView()")
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        page.mouse.move(5, 5)
        page.evaluate(WATCH_HOVER, lit)
        for at in range(30):
            page.mouse.move(box["x"] + edge + at * 3 % 60, box["y"] + edge + at * 7 % 60)
            page.wait_for_timeout(60)
        values = page.evaluate("window.hovers")
        found.append(
            result(f"hover to highlight, 128 tokens x 12 heads x 6 layers, {what}", values, "ms", 50)
        )
    return found


def answering(address: str) -> dict[str, object]:
    """Ask for traces of 32 tokens, each text for the first time."""
    seconds = []
    for salt in range(REPEATS + 1):
        body = json.dumps({"text": text_of(32, salt), "layer": 1 + salt % 6}).encode()
        request = urllib.request.Request(
            f"{address}/api/figures/bench", body, {"content-type": "application/json"}
        )
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
        seconds.append(1e3 * (time.perf_counter() - started))
    # The first loads the model.
    return result("API: a 32-token trace with one head", seconds[1:], "ms", 300)


def scrubbing(page: Page, address: str) -> list[dict[str, object]]:
    """Scrub through a training and through the ranks of merges, a new place in each frame."""
    found = []
    for name, selector in (("embeddings", "#snapshot"), ("tokenization", "#cut")):
        page.goto(f"{address}/{name}")
        page.wait_for_selector(selector, timeout=120_000)
        page.wait_for_selector("[aria-busy=true]", state="detached", timeout=120_000)
        page.wait_for_timeout(500)
        frames = page.evaluate(SCRUB, selector)
        found.append(
            {
                **result(f"scrubbing {name}: a frame", frames, "ms", 1000 / 60 + 1),
                "frames_a_second": round(1000 * len(frames) / sum(frames), 1),
                "frames_that_took_two": sum(frame > 25 for frame in frames),
            }
        )
    return found


def main() -> None:
    """Start the lab, measure, write the record."""
    from playwright.sync_api import sync_playwright

    use_data_beside()
    command = [sys.executable, "-m", "cutaway", "lab", "--port", "0"]
    lab = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    results: list[dict[str, Any]] = []
    try:
        assert lab.stdout is not None
        address = next(word for word in lab.stdout.readline().split() if word.startswith("http://"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            results += first_page(browser, address)
            results.append(answering(address))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            results += hovering(page, address)
            results += scrubbing(page, address)
            browser.close()
    finally:
        lab.kill()
        lab.wait()
    write_record("lab", results)


if __name__ == "__main__":
    main()
