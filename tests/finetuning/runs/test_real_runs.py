"""Small trainings for real, one with a good rate, two made worse on purpose: what `diff` and `explain` say."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.finetuning.finetune import FinetuneSettings, finetune
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.finetuning.runs.diff import diff
from cutaway.finetuning.runs.explain import explain
from cutaway.finetuning.runs.predictions import read_answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings

RATES = {"good": 1e-2, "low": 1e-5, "high": 0.3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunRecord]:
    folder = tmp_path_factory.mktemp("real")
    encoder, table = write_tiny_encoder(folder / "encoder"), write_table(folder / "table.csv", times=20)
    for name, rate in RATES.items():
        loop = LoopSettings(epochs=4, patience=4, optimizer=OptimizerSettings(rate=rate))
        settings = FinetuneSettings(
            held_out=80,
            batch_tokens=96,
            precision="float32",
            inputs=InputSettings(max_tokens=24),
            lora=LoraSettings(rank=4),
            loop=loop,
        )
        finetune(table, model=encoder, settings=settings, out=folder / name)
    return {name: Store.open().find(str(folder / name)) for name in RATES}


def rules(record: RunRecord) -> set[str]:
    return {finding.rule for finding in explain(record).findings}


def test_each_rate_is_told_by_its_curves(runs: dict[str, RunRecord]) -> None:
    assert not {"rate too high", "rate too low", "one class", "unstable"} & rules(runs["good"])
    assert "rate too low" in rules(runs["low"])
    assert "rate too high" in rules(runs["high"])
    assert "rate too high" not in rules(runs["low"])
    assert "rate too low" not in rules(runs["high"])


@pytest.mark.parametrize(("worse", "rule"), [("low", "rate too low"), ("high", "rate too high")])
def test_the_difference_is_real_and_the_rate_is_named(
    runs: dict[str, RunRecord], worse: str, rule: str
) -> None:
    found = diff(runs["good"], runs[worse])
    assert "that is not noise" in found.verdict
    assert found.cause.startswith("The only setting that changed: loop.optimizer.rate 0.01 to ")
    assert f"In {worse}: {rule}: " in found.cause
    assert found.surroundings == []


def test_the_record_and_the_answers_are_the_trainings(runs: dict[str, RunRecord]) -> None:
    good = runs["good"]
    assert (good.status, good.kind, good.data["held_out"], good.seeds) == (
        "finished",
        "finetune",
        80,
        {"all": 0},
    )
    answers = read_answers(good.folder)
    assert (answers.probabilities.argmax(1) == answers.truth).mean() == pytest.approx(
        good.measures["accuracy"]
    )
    table = (Path(good.folder).parent / "table.csv").read_text().splitlines()[1:]
    for row, text, truth in zip(answers.rows, answers.texts, answers.truth, strict=True):
        assert table[row] == f"{text},{answers.classes[truth]}"
    assert (answers.tokens >= 3).all()
