"""One sentence through all rooms: the panels are the traces, tied together by the words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.cli.main import main
from cutaway.core.errors import DataError
from cutaway.tour import CLASSIFIER, MOST_CHARACTERS, MOST_WORDS, Tour, tour

SENTENCE = "I love learning about LLMs"


@pytest.fixture(scope="module")
def led() -> Tour:
    return tour(SENTENCE)


def test_tokens_are_those_of_the_issue_and_point_to_their_words(led: Tour) -> None:
    room = led.to_json()["tokenization"]
    assert [token["token"] for token in room["tokens"]] == ["i", "love", "learning", "about", "ll", "##ms"]
    assert [token["word"] for token in room["tokens"]] == [0, 1, 2, 3, 4, 4]
    assert [SENTENCE[token["start"] : token["end"]] for token in room["tokens"][-2:]] == ["LL", "Ms"]
    assert [row["piece"] for row in room["tries"] if row["word"] == 4][-1] == "##ms"


def test_neighbors_and_cosines_are_the_vectors_own(led: Tour) -> None:
    from cutaway.embeddings.vectors import WordVectors

    glove = WordVectors.load("glove-6b-50d")
    room = led.to_json()["embeddings"]
    love = room["words"][1]["neighbors"]
    assert [(n["word"], n["cosine"]) for n in love] == [tuple(n) for n in glove.most_similar("love", topn=5)]
    known = room["similarity"]["words"]
    for a, row in zip(known, room["similarity"]["matrix"], strict=True):
        for b, cosine in zip(known, row, strict=True):
            words = [SENTENCE.lower().split()[at] for at in (a, b)]
            assert cosine == pytest.approx(glove.similarity(*words), abs=1e-6)
    best = room["closest"]
    assert best["cosine"] == max(
        cosine for a, row in enumerate(room["similarity"]["matrix"]) for cosine in row[:a]
    )


def test_gates_lie_between_shut_and_open_and_the_last_probability_is_the_models_answer(led: Tour) -> None:
    room = led.to_json()["recurrent"]
    for gate in room["gates"].values():
        assert len(gate) == len(led.words)
        assert all(0 < value < 1 for value in gate)
    positive = led.recurrent.labels["class"].index("positive")
    assert room["probability"][-1] == pytest.approx(led.recurrent["probabilities"][positive], abs=1e-6)


def test_attention_rows_sum_to_one_and_special_tokens_belong_to_no_word(led: Tour) -> None:
    room = led.to_json()["transformers"]
    assert len(room["heads"]) == 4
    for head in room["heads"]:
        assert np.allclose(np.sum(head["weights"], axis=1), 1, atol=1e-5)
    words = [token["word"] for token in room["tokens"]]
    assert words == [None, 0, 1, 2, 3, 4, 4, None]
    scores = [head["score"] for head in room["heads"]]
    assert scores == sorted(scores, reverse=True)


def test_the_answer_is_the_classifiers_prediction(led: Tour) -> None:
    from cutaway.finetuning.classifier import Classifier

    room = led.to_json()["finetuning"]
    answer = Classifier.load(CLASSIFIER).predict([SENTENCE])
    assert room["label"] == answer.labels[0] == "positive"
    assert [row["probability"] for row in room["labels"]] == pytest.approx(
        answer.probabilities[0].tolist(), abs=1e-5
    )


def test_every_step_names_a_line_of_this_package(led: Tour) -> None:
    panels = led.to_json()
    source = Path(__file__).parents[2] / "src"
    for room in ("tokenization", "embeddings", "recurrent", "transformers", "finetuning"):
        assert panels[room]["steps"], room
        for step in panels[room]["steps"]:
            lines = (source / step["file"]).read_text().splitlines()
            assert 0 < step["line"] <= len(lines)


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_text_gives_panels_or_one_clear_error(text: str) -> None:
    try:
        panels = tour(text).to_json()
    except DataError:
        assert not any(character.isalnum() for character in text)
        return
    json.dumps(panels, allow_nan=False)
    spans = [(w["start"], w["end"], w["text"]) for w in panels["words"]]
    assert all(panels["text"][start:end] == word for start, end, word in spans)
    assert all(token["end"] <= len(panels["text"]) for token in panels["tokenization"]["tokens"])


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00", "\u200b"])
def test_text_with_nothing_in_it_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        tour(text)


@pytest.mark.parametrize("text", ["a " * 500_000, "x" * 1_000_000, "👍🏽" * 10_000, "שלום עולם " * 1000])
def test_a_long_text_is_cut_and_the_tour_says_so(text: str) -> None:
    led = tour(text)
    assert len(led.words) <= MOST_WORDS
    assert len(led.text) <= MOST_CHARACTERS
    assert text.startswith(led.text)
    assert any(f"of {len(text):,} characters" in note for note in led.notes)


def test_emoji_and_right_to_left_text_keep_their_characters() -> None:
    led = tour("שלום 👩‍👩‍👧 NUL\x00here \ud800 <b>x</b>")
    assert [led.text[word.start : word.end] for word in led.words] == [word.text for word in led.words]
    assert "\ufffd" in led.text


def test_terminal_json_and_page_show_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "tour.html"
    assert main(["tour", SENTENCE, "--json", "--html", str(page)]) == 0
    panels = json.loads(capsys.readouterr().out)
    assert main(["tour", SENTENCE]) == 0
    shown = capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    for row in panels["finetuning"]["labels"]:
        assert f"{row['probability']:.4f}" in shown
    assert "##ms" in shown
    assert "##ms" in html
    assert "<script src" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_mistakes_get_one_line_and_their_code(capsys: pytest.CaptureFixture[str], offline: Path) -> None:
    assert main(["tour", " "]) == 1
    assert capsys.readouterr().err == "cutaway: the text holds no word: type a sentence\n"
    assert main(["tour"]) == 2
