"""Two runs side by side: McNemar against scipy, the pairing of examples, and verdicts that must be right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.finetuning.runs import synthetic

from cutaway.cli.main import main
from cutaway.core.errors import DataError, MissingFileError, UsageError
from cutaway.finetuning.runs.diff import diff
from cutaway.finetuning.runs.evidence import Finding
from cutaway.finetuning.runs.matching import shared_examples
from cutaway.finetuning.runs.mcnemar import mcnemar
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.settings import changes
from cutaway.finetuning.runs.store import Store
from cutaway.finetuning.runs.verdict import cause


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (3, 9), (12, 12), (0, 24), (7, 17)])
def test_few_flips_are_tested_exactly(counts: tuple[int, int]) -> None:
    found = mcnemar(*counts)
    wanted = stats.binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0
    assert (found.method, found.p) == ("exact", pytest.approx(wanted))


@pytest.mark.parametrize("counts", [(10, 20), (66, 4), (100, 100), (300, 350)])
def test_many_flips_by_chi_squared_with_a_correction(counts: tuple[int, int]) -> None:
    first, second = counts
    statistic = max(0, abs(first - second) - 1) ** 2 / (first + second)
    found = mcnemar(first, second)
    assert found.method == "chi-squared"
    assert found.p == pytest.approx(stats.chi2.sf(statistic, df=1))
    assert found.p == pytest.approx(stats.binomtest(first, first + second).pvalue, abs=0.02)
    with pytest.raises(UsageError, match="start at 0"):
        mcnemar(-1, 2)


def test_examples_are_paired_by_text_and_label_twins_too() -> None:
    first = synthetic.answers([True] * 6, texts=["a", "b", "a", "c", "a", "d"])  # labels 0 1 0 1 0 1
    second = synthetic.answers([True] * 6, texts=["a", "d", "a", "b", "x", "y"])
    shared = shared_examples(first, second)
    assert shared.first.texts == shared.second.texts == ["a", "b", "a", "d"]
    assert shared.second.rows.tolist() == [0, 3, 2, 1]
    assert (shared.only_first, shared.only_second) == (2, 2)
    with pytest.raises(DataError, match=r"share no held-out example \(of 6 and 6\)"):
        shared_examples(first, synthetic.answers([True] * 6, texts=list("zyxwvu")))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def rated(folder: Path, rate: float, **changed: object) -> RunRecord:
    made = synthetic.record(folder, **changed)
    loop = {"epochs": 3, "optimizer": {"rate": rate, "warmup": 0.1, "clip": 1.0}}
    return synthetic.record(folder, settings={**made.settings, "loop": loop}, **changed)


def two(home: Path, wins: tuple[int, int]) -> tuple[RunRecord, RunRecord]:
    """Runs on 1,000 examples; `wins` are right in one alone; the second had ten times the rate."""
    right = np.ones(1000, dtype=bool)
    right[900:] = False
    other = right.copy()
    other[: wins[0]] = False
    other[900 : 900 + wins[1]] = True
    good = synthetic.history([0.5, 0.3, 0.2], [0.4, 0.3, 0.35])
    overshot = [0.69, 0.6, 0.5, 0.45, 0.5] * 4 + [1.2, 1.4, 1.3, 0.9, 0.8] + [0.693] * 35
    bad = synthetic.history([0.65, 0.7, 0.69], [0.68, 0.7, 0.693], overshot)
    made = [
        synthetic.leave(rated(home / "careful", 5e-4), good, synthetic.answers(right, 0.95)),
        synthetic.leave(rated(home / "hasty", 5e-3), bad, synthetic.answers(other, 0.98)),
    ]
    for each in made:
        Store.open().save(each)
    return made[0], made[1]


def test_a_real_difference_is_called_real_and_its_cause_is_named(home: Path) -> None:
    careful, hasty = two(home, (60, 10))
    found = diff(careful, hasty)
    assert found.comparison is not None
    assert found.comparison.real
    assert (found.comparison.test.first_only, found.comparison.test.second_only) == (60, 10)
    assert found.verdict.startswith(
        "hasty is 5.0 points worse than careful on the same 1,000 held-out examples (95 %"
    )
    assert (
        "that is not noise: careful alone got 60 right, hasty alone 10 (McNemar's p < 0.0001)"
        in found.verdict
    )
    assert found.cause.startswith(
        "The only setting that changed: loop.optimizer.rate 0.0005 to 0.005 (× 10). In hasty: rate too high: "
    )
    assert "what was learned was lost" in found.cause
    # The other way round the same run is worse, for the same reason.
    back = diff(hasty, careful)
    assert back.verdict.startswith("careful is 5.0 points better than hasty")
    assert "In hasty: rate too high" in back.cause
    low, high = found.comparison.difference.low, found.comparison.difference.high
    sd = np.sqrt(70 / 1000 - 0.05**2) / np.sqrt(1000)
    assert (low, high) == pytest.approx((-0.05 - 1.96 * sd, -0.05 + 1.96 * sd), abs=0.0015)


def test_a_difference_that_chance_makes_is_called_noise(home: Path) -> None:
    found = diff(*two(home, (18, 12)))
    assert found.comparison is not None
    assert not found.comparison.real
    assert "hasty is 0.6 points worse than careful" in found.verdict
    assert "may well be noise" in found.verdict
    assert "below 1.1 points" in found.verdict
    assert found.cause == ""


def test_a_cause_has_to_point_the_right_way() -> None:
    high = Finding(
        rule="rate too high",
        sentence="it overshot",
        advice="",
        evidence={},
        settings={"rate": "raised", "clip": "changed"},
    )
    raised, lowered = (changes({"a": {"rate": 1.0}}, {"a": {"rate": to}}) for to in (10.0, 0.1))
    clip = changes({"clip": None, "seed": 1}, {"clip": 1.0, "seed": 2})
    assert cause(raised, "b", [high], []) == (
        "The only setting that changed: a.rate 1.0 to 10.0 (× 10). In b: rate too high: it overshot."
    )
    assert cause(lowered, "b", [high], []) == "The only setting that changed: a.rate 1.0 to 0.1 (× 0.1)."
    assert cause(clip, "b", [high], []).startswith("Of what changed, this fits: clip None to 1.0. In b")
    # What the better run shows too is no reason for the difference.
    assert (
        cause(clip, "b", [high], [high])
        == "2 settings changed: which of them did it, two runs alone cannot tell."
    )
    assert cause([], "b", [], []).startswith("No setting changed")


def test_equal_answers_are_called_equal(home: Path) -> None:
    found = diff(*two(home, (0, 0)))
    assert (
        found.verdict
        == "careful and hasty are right and wrong on exactly the same of the same 1,000 held-out examples."
    )


def test_flips_come_with_the_most_confident_mistake_first(home: Path) -> None:
    right = np.ones(6, dtype=bool)
    other = np.array([False, True, False, True, False, True])
    a = synthetic.leave(
        synthetic.record(home / "a"), synthetic.history([0.5], [0.5]), synthetic.answers(right)
    )
    sure = np.array([0.7, 0.9, 0.99, 0.9, 0.8, 0.9])
    b = synthetic.leave(
        synthetic.record(home / "b"), synthetic.history([0.5], [0.5]), synthetic.answers(other, sure)
    )
    found = diff(a, b)
    assert found.comparison is not None
    told = [(flip.row, round(flip.wrong_confidence, 2), flip.right) for flip in found.comparison.flips]
    assert told == [(2, 0.99, "first"), (4, 0.8, "first"), (0, 0.7, "first")]
    assert {flip.truth for flip in found.comparison.flips} == {"negative"}
    assert {flip.second for flip in found.comparison.flips} == {"positive"}
    assert found.settings == []


def test_runs_with_other_held_out_examples_are_compared_on_those_of_both(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = np.ones(300, dtype=bool)
    curves = synthetic.history([0.5], [0.5])
    for name, start in (("a", 0), ("b", 100)):
        texts = [f"text {row}" for row in range(start, start + 300)]
        Store.open().save(
            synthetic.leave(synthetic.record(home / name), curves, synthetic.answers(right, texts=texts))
        )
    assert main(["runs", "diff", "a", "b"]) == 0
    told = capsys.readouterr().out
    assert "on 200 held-out examples of both" in told
    assert "100 that a alone and 100 that b alone held out are not compared" in told


def test_runs_without_common_examples_answers_or_folders_say_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = synthetic.history([0.5], [0.5])
    right = [True] * 10
    a = synthetic.leave(synthetic.record(home / "a"), curves, synthetic.answers(right))
    strange = synthetic.answers(right, texts=[f"other {row}" for row in range(10)])
    b = synthetic.leave(synthetic.record(home / "b"), curves, strange)
    none = synthetic.leave(rated(home / "none", 1.0, kind="pretrain"), curves)
    for each in (a, b, none):
        Store.open().save(each)
    assert main(["runs", "diff", "a", "b"]) == 1
    assert "share no held-out example (of 10 and 10): there is nothing" in capsys.readouterr().err
    found = diff(a, none)
    assert found.comparison is None
    assert found.verdict.startswith("none left no answers")
    assert [change.name for change in found.settings] == ["loop.optimizer.rate"]
    with pytest.raises(UsageError, match="the same run"):
        diff(a, a)
    with pytest.raises(MissingFileError, match="the folder of run lost is gone"):
        diff(a, synthetic.record(home / "lost"))


def test_the_command_tells_all_of_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(home, (60, 10))
    assert main(["runs", "diff", "careful", "hasty", "--flips", "2"]) == 0
    told = capsys.readouterr().out
    for part in (
        "hasty is 5.0 points worse",
        "loop.optimizer.rate  0.0005   0.005  × 10",
        "0.3000  0.3000 ◂",
        "then over-fitting: training loss 0.3000 to 0.2000, held-out 0.3000 to 0.3500",
        "McNemar's test, chi-squared: 60 right in careful alone, 10 in hasty alone",
        "70 examples flipped",
        "60 that hasty alone got wrong\n  said positive 0.980, it is negative: review 0\n",
        "10 that careful alone got wrong\n",
        "hasty by itself",
        "overconfident",
        "another seed would move both",
    ):
        assert part in told
    assert main(["runs", "diff", "careful", "hasty", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["comparison"]["flips"]) == 70
    assert document["settings"][0]["factor"] == pytest.approx(10)
    assert main(["runs", "diff", "careful", "hasty", "--flips", "-1"]) == 2
    assert main(["runs", "diff", "careful", "nope"]) == 1
