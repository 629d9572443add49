"""The precision of predictions: none is used whose answers differ, and that is said."""

from __future__ import annotations

import numpy as np
import pytest
from tests.finetuning.tiny_model import reviews, write_tiny_classifier

from cutaway.core.errors import UsageError
from cutaway.finetuning import precision as module
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.inputs import rows_of
from cutaway.finetuning.precision import Chosen, check_precision, choose_precision
from cutaway.training.int16_products import int16_works
from cutaway.transformers import products
from cutaway.transformers.products import Precision


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_tiny_classifier(tmp_path_factory.mktemp("tiny")))


def moved_by(classifier: Classifier, monkeypatch: pytest.MonkeyPatch, amount: float) -> None:
    """Let every precision but float32 move each probability by so much."""
    plain = Classifier.predict_rows

    def moved(self: Classifier, rows: object, *, precision: str = "float32") -> object:
        for at, answer in plain(self, rows, precision="float32"):  # type: ignore[arg-type]
            yield at, answer + (amount if precision != "float32" else 0)

    monkeypatch.setattr(Classifier, "predict_rows", moved)


@pytest.mark.parametrize(("amount", "used"), [(0.0099, "bfloat16"), (0.011, "float32")])
def test_a_precision_is_used_where_its_answers_agree(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, amount: float, used: str
) -> None:
    moved_by(classifier, monkeypatch, amount)
    answers = classifier.predict(reviews(30), precision="bfloat16")
    assert answers.precision == used
    if used == "float32":
        assert answers.note == (
            "bfloat16 moves a probability by 0.011 on 30 of these texts, more than 0.01: float32 is used"
        )
    else:
        assert answers.note == ""


def test_int8_agrees_or_is_not_used(classifier: Classifier) -> None:
    exact, fast = classifier.predict(reviews(40)), classifier.predict(reviews(40), precision="int8")
    assert np.abs(exact.probabilities - fast.probabilities).max() <= module.MOST_MOVED
    assert (fast.precision == "int8") == (not fast.note)


def test_auto_tries_the_fastest_where_there_is_enough_to_read(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "faster_precisions", lambda width, hidden: ["bfloat16"])
    moved_by(classifier, monkeypatch, 0.0)
    rows = rows_of(classifier.tokenizer, reviews(50), classifier.settings.inputs)
    assert choose_precision(classifier, rows, "auto").precision == "float32"
    monkeypatch.setattr(module, "WORTH_TOKENS", 100)
    assert choose_precision(classifier, rows, "auto").precision == "bfloat16"
    moved_by(classifier, monkeypatch, 0.2)
    chosen = choose_precision(classifier, rows, "auto")
    assert chosen.precision == "float32"
    assert "bfloat16 moves a probability by 0.2" in chosen.note


@pytest.mark.parametrize("precision", ["int8", "int16"])
def test_a_machine_without_a_precision_says_so(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    monkeypatch.setattr(products, f"{precision}_works", lambda: False)
    answers = classifier.predict(["fine"], precision=precision)
    assert (answers.precision, answers.note) == (
        "float32",
        f"this machine has no products in {precision}: float32 is used",
    )


def test_auto_tries_one_after_another(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[Precision] = ["int8", "bfloat16", "int16"]
    monkeypatch.setattr(module, "faster_precisions", lambda width, hidden: order)
    monkeypatch.setattr(module, "WORTH_TOKENS", 100)
    rows = rows_of(classifier.tokenizer, reviews(50), classifier.settings.inputs)
    plain, read = Classifier.predict_rows, []

    def moved(self: Classifier, rows: object, *, precision: str = "float32") -> object:
        read.append(precision)
        for at, answer in plain(self, rows):  # type: ignore[arg-type]
            yield at, answer + (0.05 if precision == "int8" else 0)

    monkeypatch.setattr(Classifier, "predict_rows", moved)
    assert choose_precision(classifier, rows, "auto") == Chosen(precision="bfloat16")
    assert read == ["float32", "int8", "bfloat16"]


@pytest.mark.skipif(not int16_works(), reason="this processor multiplies no pairs of 16 bits at once")
def test_int16_agrees(classifier: Classifier) -> None:
    exact, fast = classifier.predict(reviews(40)), classifier.predict(reviews(40), precision="int16")
    assert fast.precision == "int16"
    assert 0 < np.abs(exact.probabilities - fast.probabilities).max() < 0.001


def test_nothing_to_read_needs_no_trial(classifier: Classifier) -> None:
    assert classifier.predict([], precision="int8").labels == []


@pytest.mark.parametrize("asked", ["half", "", "Float32"])
def test_other_names_are_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="auto, float32, bfloat16, int16, int8"):
        check_precision(asked)
