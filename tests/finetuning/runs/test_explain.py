"""Every rule on a history that shows its case, and on one that comes close and does not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.finetuning.runs import synthetic

from cutaway.cli.main import main
from cutaway.finetuning.runs.evidence import Evidence, Finding, chance_loss, smoothed
from cutaway.finetuning.runs.explain import explain, explain_evidence
from cutaway.finetuning.runs.overfitting import overfitting_point
from cutaway.finetuning.runs.predictions import Answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store
from cutaway.training.history import History

CHANCE = math.log(2)


def seen(
    training: Sequence[float] = (0.4, 0.3),
    validation: Sequence[float] = (0.4, 0.395),
    steps: Sequence[float] = (),
    held: Answers | None = None,
    **changed: Any,
) -> Evidence:
    record: RunRecord = synthetic.record(Path("/nowhere/run"), **changed)
    history = synthetic.history(training, validation, steps) if training else History()
    return Evidence(
        record=record,
        history=history,
        answers=held,
        chance=chance_loss(record.data.get("classes")),
        smooth=smoothed([step.loss for step in history.steps]),
    )


def rules(evidence: Evidence) -> dict[str, Finding]:
    return {finding.rule: finding for finding in explain_evidence(evidence).findings}


def falling(start: float, end: float, count: int = 60, noise: float = 0.1) -> list[float]:
    """A loss that falls as it should, with the noise of batches."""
    random = np.random.default_rng(0)
    return [max(0.01, value + noise * random.standard_normal()) for value in np.linspace(start, end, count)]


def test_a_good_run_has_no_findings() -> None:
    right = np.random.default_rng(0).random(2000) < 0.9
    evidence = seen((0.5, 0.35, 0.3), (0.4, 0.34, 0.335), falling(0.7, 0.3), synthetic.answers(right, 0.9))
    assert rules(evidence) == {}


def test_over_fitting_is_training_down_and_validation_up() -> None:
    found = rules(seen((0.5, 0.3, 0.1), (0.4, 0.3, 0.45), falling(0.6, 0.1)))
    assert "over-fitting" in found
    assert found["over-fitting"].evidence["best_epoch"] == 2
    assert (
        "fell from 0.3000 to 0.1000, held-out loss rose from 0.3000 to 0.4500"
        in found["over-fitting"].sentence
    )
    # Within two in a hundred, or with both rising, it is not that.
    assert "over-fitting" not in rules(seen((0.5, 0.3, 0.1), (0.4, 0.3, 0.305)))
    assert "over-fitting" not in rules(seen((0.5, 0.3, 0.5), (0.4, 0.3, 0.45)))


def test_a_run_that_was_still_learning_is_under_fitted() -> None:
    found = rules(seen((0.6, 0.5), (0.5, 0.45), falling(0.69, 0.4)))
    assert "in the last of 2 epochs" in found["under-fitting"].sentence
    assert found["under-fitting"].evidence["fell"] == pytest.approx(0.1)
    assert "under-fitting" not in rules(seen((0.6, 0.5), (0.5, 0.495), falling(0.69, 0.4)))


def test_a_rate_that_is_too_high_overshoots_or_loses_what_was_learned() -> None:
    overshot = [*falling(0.69, 0.6, 20), 1.3, 1.2, 0.9, 0.8, 0.9, *falling(0.6, 0.4, 35)]
    found = rules(seen((0.7, 0.5), (0.6, 0.59), overshot))["rate too high"]
    assert found.evidence["highest"] == pytest.approx(1.02, abs=0.01)
    assert found.evidence["at_step"] == 25
    lost = falling(0.69, 0.45, 30, 0.02) + [0.69, 0.7] * 20
    found = rules(seen((0.7, 0.69), (0.69, 0.69), lost))["rate too high"]
    assert "then came back to 0.695 and stayed" in found.sentence
    # One bad batch among good ones is no sign of it.
    assert "rate too high" not in rules(seen(steps=[0.6, 0.5, 0.4, 1.8, 0.4, 0.5, *falling(0.5, 0.3)]))


def test_a_rate_that_is_too_low_never_leaves_chance() -> None:
    found = rules(seen((0.693, 0.69), (0.692, 0.69), falling(0.694, 0.688, noise=0.01)))
    assert "stayed between 0.6" in found["rate too low"].sentence
    assert "under-fitting" not in found
    assert "rate too low" not in rules(seen((0.69, 0.6), (0.65, 0.6), falling(0.69, 0.55)))


def test_divergence_is_told_with_its_reason() -> None:
    found = rules(seen(status="diverged", note="the loss became nan at step 7"))
    assert found["diverged"].sentence == "the loss became nan at step 7"


def test_single_great_gradients_are_unstable() -> None:
    history = synthetic.history([0.4], [0.4], [0.4] * 60)
    norms = [1.0 + 0.3 * (at % 3) for at in range(60)]
    for at in (25, 40, 55):
        norms[at] = 20.0
    evidence = seen()
    spiky = [
        type(step)(**{**step.__dict__, "gradient_norm": norm})
        for step, norm in zip(history.steps, norms, strict=True)
    ]
    made = Evidence(
        record=evidence.record,
        history=History(steps=spiky, epochs=history.epochs),
        answers=None,
        chance=CHANCE,
        smooth=smoothed([0.4] * 60),
    )
    found = rules(made)["unstable"]
    assert found.evidence == {"spikes": 3, "steps": 60, "largest": 20.0, "first_at": 26}
    assert "unstable" not in rules(seen(steps=falling(0.7, 0.3)))


def test_confident_mistakes_are_candidates_the_worst_first() -> None:
    right = np.ones(2000, dtype=bool)
    right[[3, 9, 17]] = False
    sure = np.full(2000, 0.97)
    sure[9] = 0.999
    found = rules(seen(held=synthetic.answers(right, sure)))["label noise candidates"]
    assert [example["row"] for example in found.evidence["examples"]] == [9, 3, 17]
    assert found.evidence["expected"] == pytest.approx(2000 * 0.03, rel=0.01)
    assert found.evidence["examples"][0]["loss"] == pytest.approx(-math.log(0.001), rel=1e-3)
    unsure = np.where(right, 0.97, 0.9)
    assert "label noise candidates" not in rules(seen(held=synthetic.answers(right, unsure)))


def test_leaks_are_told_by_their_rows() -> None:
    data = {**synthetic.record(Path("/x")).data, "leaks": 2, "leaked": [[4, 7], [1, 2]]}
    found = rules(seen(data=data))["leak suspects"]
    assert found.sentence.startswith("2 of 1,000 held-out texts are trained on too")
    assert "(rows 5 and 8, 2 and 3)" in found.sentence


def test_near_duplicates_are_told_by_their_rows_and_how_alike_they_are() -> None:
    data = {**synthetic.record(Path("/x")).data, "near_leaks": 2, "near_leaked": [[4, 7, 0.9], [1, 2, 0.714]]}
    found = rules(seen(data=data))["near duplicates"]
    assert found.sentence.startswith("2 of 1,000 held-out texts are almost trained on")
    assert "(rows 5 and 8: 90%, 2 and 3: 71%)" in found.sentence
    assert found.evidence["source"] == data["source"]


def test_a_word_that_gives_the_class_away() -> None:
    texts = [f"some text {row} {'score: 9' if row % 2 and row % 4 == 1 else ''}" for row in range(400)]
    right = np.ones(400, dtype=bool)
    found = rules(seen(held=synthetic.answers(right, 0.9, texts)))["giveaway words"]
    assert found.evidence["words"][0] == {"word": "score", "class": "positive", "share": 0.5}
    mixed = [text + (" score" if row == 0 else "") for row, text in enumerate(texts)]
    words = rules(seen(held=synthetic.answers(right, 0.9, mixed)))["giveaway words"].evidence["words"]
    assert "score" not in [each["word"] for each in words]


def test_one_answer_for_everything() -> None:
    right = np.arange(400) % 2 == 0
    found = rules(seen(held=synthetic.answers(right, 0.6)))
    assert found["one class"].evidence == {"class": "negative", "answered": 1.0, "true": 0.5}
    assert "one class" not in rules(seen(held=synthetic.answers(right | (np.arange(400) < 30), 0.6)))


def test_calibration_and_few_examples() -> None:
    right = np.random.default_rng(0).random(2000) < 0.8
    found = rules(seen(held=synthetic.answers(right, 0.97)))
    assert found["miscalibrated"].sentence.startswith("overconfident: mean confidence 97.0%")
    assert "few held-out examples" not in found
    assert "few held-out examples" in rules(seen(held=synthetic.answers(right[:100], 0.8)))


def test_cut_texts_with_the_accuracy_on_either_side() -> None:
    right = np.random.default_rng(0).random(2000) < 0.9
    held = synthetic.answers(right, 0.9)
    tokens = np.where(np.arange(2000) < 800, 64, 20)
    cut = Answers(**{**held.__dict__, "tokens": tokens})
    found = rules(seen(held=cut))["cut texts"]
    assert found.evidence["share"] == pytest.approx(0.4)
    assert found.evidence["cut"] == pytest.approx(right[:800].mean())
    assert "cut texts" not in rules(seen(held=held))


def test_the_over_fitting_point_needs_an_epoch() -> None:
    assert overfitting_point(History()) is None
    point = overfitting_point(synthetic.history([0.5, 0.4], [0.5, 0.4]))
    assert point is not None
    assert point.sentence().endswith("after epoch 2 of 2, the last: no over-fitting yet")


def test_chance_is_the_entropy_of_the_shares() -> None:
    assert chance_loss({"a": 1, "b": 1, "c": 2}) == pytest.approx(1.5 * math.log(2))
    assert chance_loss(None) is None


def test_the_command_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    right = np.ones(100, dtype=bool)
    right[3] = False
    right[40:60] = False  # so few examples are unsure, too
    made = synthetic.record(tmp_path / "runs" / "a")
    texts = [f"<b>review {row}</b> [red]" for row in range(100)]
    curves = synthetic.history([0.5, 0.3, 0.1], [0.4, 0.3, 0.45], falling(0.6, 0.1))
    Store.open().save(
        synthetic.leave(
            made, curves, synthetic.answers(right, np.where(np.arange(100) == 3, 0.999, 0.99), texts)
        )
    )
    assert main(["runs", "explain", "a"]) == 0
    told = capsys.readouterr().out
    assert "- over-fitting: after epoch 2 of 3" in told
    assert "- few held-out examples: with 100" in told
    assert "row 4, positive, answered negative 0.999: <b>review 3</b> [red]" in told
    assert main(["runs", "explain", "a", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "over-fitting" in [finding["rule"] for finding in document["findings"]]
    assert document == explain(made).to_json()
    plain = synthetic.leave(synthetic.record(tmp_path / "runs" / "plain"), synthetic.history([0.5], [0.4]))
    Store.open().save(plain)
    assert main(["runs", "explain", "plain"]) == 0
    assert "nothing found by 14 rules" in capsys.readouterr().out
    half = np.arange(100) % 5 > 0
    few = synthetic.leave(synthetic.record(tmp_path / "runs" / "few"), curves, synthetic.answers(half, 0.8))
    Store.open().save(few)
    assert main(["runs", "explain", "few"]) == 0
    assert "- few held-out examples: with 100, accuracy 80.0% is known to" in capsys.readouterr().out
