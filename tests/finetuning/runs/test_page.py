"""A run's page and card: whole, escaped, with nothing from elsewhere; links lead to their rows."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from tests.finetuning.runs import synthetic

from cutaway.core.render import number
from cutaway.finetuning.measures.all_measures import measure_all
from cutaway.finetuning.run import Run
from cutaway.finetuning.runs.card import model_card
from cutaway.finetuning.runs.evidence import Evidence, evidence_of
from cutaway.finetuning.runs.page import fragment, run_page, write_page
from cutaway.finetuning.runs.plot import Plot, thinned, ticks
from cutaway.finetuning.runs.predictions import Answers
from cutaway.training.history import History

EVIL = "</span><script>alert(1)</script><img src=x onerror=alert(2)> `code` & [link](javascript:alert(3)) | *bold*"


class Reading(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "line", "rect", "circle", "polyline") or tag in ("rect", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def seen(tmp_path: Path) -> Evidence:
    right = np.arange(100) % 10 != 0
    texts = [f"review {row}" for row in range(100)]
    texts[10] = EVIL
    held = synthetic.answers(right, np.where(np.arange(100) == 10, 0.99, 0.9), texts)
    held = Answers(**{**held.__dict__, "classes": ("<b>bad", "good|`fine`")})
    made = synthetic.record(tmp_path / "<i>run", note="<u>note")
    made = replace(made, settings={**made.settings, "<s>": "<q>"})
    return evidence_of(synthetic.leave(made, synthetic.history([0.5, 0.3, 0.2], [0.4, 0.3, 0.4]), held))


def test_no_text_becomes_markup_and_nothing_is_loaded(seen: Evidence) -> None:
    for page in (run_page(seen), fragment(seen)):
        read = Reading(page)
        assert not {"script", "img", "b>bad", "i", "u", "s", "q", "iframe", "link", "object"} & set(read.tags)
        assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "srcset")]
        links = [value for name, value in read.attributes if name == "href"]
        assert all(link.startswith("#") for link in links)
        assert "url(" not in page
        assert "@import" not in page
    read = Reading(run_page(seen))
    assert EVIL in read.text
    for told in ("<i>run", "<u>note", "<b>bad", "good|`fine`", "<s>", "<q>"):
        assert told in read.text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in read.attributes
    assert read.open == []


def test_the_confusion_matrix_leads_to_its_rows(seen: Evidence) -> None:
    page = run_page(seen)
    read = Reading(page)
    links = {value[1:] for name, value in read.attributes if name == "href"}
    places = {value for name, value in read.attributes if name == "id"}
    assert links == places == {"c0-1"}
    cell = page.split('id="c0-1"')[1]
    assert cell.index("&lt;script&gt;") < cell.index("review 0<"), "the most confident mistake comes first"
    assert '<td class="n">11</td>' in cell, "rows are counted from 1"


def test_every_figure_is_the_measures(seen: Evidence) -> None:
    assert seen.answers is not None
    measures, read = measure_all(seen.answers), Reading(run_page(seen)).text
    sure = measures.accuracy
    assert f"{sure.value:.1%}held-out accuracy, {sure.low:.1%} to {sure.high:.1%} (95 %)" in read
    assert f"{measures.log_loss.value:.3f}log loss" in read
    assert f"ROC, area {measures.roc_auc:.4f}" in read
    assert "lowest 0.3000" in read
    assert "Over-fitting: after epoch 2 of 3 training loss fell from 0.3000 to 0.2000" in read
    assert "0.0005" in read
    card = model_card(seen)
    assert f"| accuracy | {sure.value:.2%} | {sure.low:.2%} to {sure.high:.2%} |" in card
    assert f"| Matthews correlation | {measures.matthews:.4f} | |" in card
    assert 'base_model: "all-MiniLM-L6-v2"' in card


def test_the_card_is_inert(seen: Evidence) -> None:
    card = model_card(seen)
    assert "<script" not in card
    assert r"&lt;b&gt;bad, good\|\`fine\`" in card
    body = card.split("---\n")[2]
    assert all(line.count("|") - line.count("\\|") in (0, 3, 4, 6) for line in body.splitlines())


def test_a_run_without_answers_or_epochs_has_a_page_too(tmp_path: Path) -> None:
    bare = synthetic.record(tmp_path / "bare", status="diverged", note="nan", measures={"loss": 0.5})
    made = evidence_of(synthetic.leave(bare, History()))
    page = run_page(made)
    assert "<h2>Curves</h2>" not in page
    assert "0.5000" in page
    assert Reading(page).open == []
    stepped = evidence_of(
        synthetic.leave(replace(bare, folder=tmp_path / "b"), synthetic.history([0.5], [0.4], [0.5, 0.6]))
    )
    assert "<h2>Curves</h2>" in run_page(stepped)


def test_a_run_draws_itself_in_a_notebook(seen: Evidence) -> None:
    write_page(seen)
    run = Run(folder=seen.record.folder, history=seen.history, measures={})
    assert run._repr_html_() == fragment(seen)
    assert run.record == seen.record


def test_plots_put_points_where_they_belong() -> None:
    plot = Plot(title="t", x=(0, 10), y=(0, 2), x_name="a", y_name="b", width=164, height=160)
    plot.dot(5, 1, "held", "middle")
    plot.line([(0, 0), (10, 2)], "training", "up")
    drawn = plot.svg()
    assert 'cx="102.0" cy="76.0"' in drawn
    assert 'points="52.0,126.0 152.0,26.0"' in drawn


def test_ticks_are_round_and_inside() -> None:
    for low, high in ((0, 0.001), (0, 282), (0.3, 0.7), (-1, 1), (0, 1e6)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 7
        assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
        assert all(float(number(value).replace("−", "-")) == pytest.approx(value) for value in found)
    assert ticks(1, 1) == [1]
    kept = thinned([(float(at), 0.0) for at in range(5000)])
    assert (len(kept), kept[0][0], kept[-1][0]) == (1200, 0.0, 4999.0)
