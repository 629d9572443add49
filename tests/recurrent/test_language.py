"""The language model: its scores, its draws, and a training that stops and goes on bit for bit."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from cutaway.core.errors import DataError, FormatError, ShapeError, UsageError
from cutaway.recurrent.language import LanguageModel, LanguageSettings
from cutaway.recurrent.language_training import (
    WEIGHTS,
    LanguageTask,
    LanguageTraining,
    load_language_model,
    save_language_model,
    split_text,
)
from cutaway.recurrent.sampling import SamplingSettings, chances
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import Epoch, History, Listener, Step, fit

TEXT = "abacad" * 60


def model() -> LanguageModel:
    torch.manual_seed(3)
    return LanguageModel(LanguageSettings(symbols="abcd", embedding=5, hidden=8, layers=2, dropout=0.3))


SETTINGS = LanguageTraining(streams=3, steps=20, epochs=2, scoring_streams=2)


def task(folder: Path, settings: LanguageTraining = SETTINGS) -> LanguageTask:
    made = model()
    return LanguageTask(made, made.encode(TEXT), made.encode(TEXT[:60]), settings, folder)


def train(folder: Path, listen: Listener = lambda event, steps: None) -> tuple[LanguageTask, History]:
    made = task(folder)
    checkpoints = Checkpoints(folder=folder / "checkpoints", every=1)
    return made, fit(made, SETTINGS.loop, listen, checkpoints=checkpoints)


def test_nats_are_the_mean_surprise_of_each_prefix() -> None:
    made = model().eval()
    ids = made.encode("abacadabba")
    surprise = []
    with torch.no_grad():
        for end in range(1, len(ids)):
            p = torch.softmax(made(ids[None, :end])[0][0, -1], dim=0)
            surprise.append(-math.log(float(p[ids[end]])))
    assert made.nats(ids) == pytest.approx(sum(surprise) / len(surprise), abs=1e-5)


def test_a_text_longer_than_one_piece_keeps_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model()
    whole = made.nats(made.encode(TEXT))
    monkeypatch.setattr("cutaway.recurrent.language.SCORED_STEPS", 7)
    assert made.nats(made.encode(TEXT)) == pytest.approx(whole, abs=1e-5)


def test_chances_follow_temperature_and_cuts() -> None:
    logits = torch.tensor([0.1, 0.5, 0.4]).log()
    warm = chances(logits, SamplingSettings(temperature=0.5))
    torch.testing.assert_close(warm, torch.tensor([0.01, 0.25, 0.16]) / 0.42)
    two = chances(logits, SamplingSettings(top_k=2))
    torch.testing.assert_close(two, torch.tensor([0.0, 5 / 9, 4 / 9]))
    # 0.5 does not reach 0.6, 0.5 + 0.4 does.
    torch.testing.assert_close(chances(logits, SamplingSettings(top_p=0.6)), two)
    assert chances(logits, SamplingSettings(top_p=0.4)).tolist() == [0.0, 1.0, 0.0]


def test_a_seed_gives_one_text_and_zero_temperature_the_likeliest() -> None:
    made = model()
    drawn = ["".join(made.generate("ab", 30, SamplingSettings(seed=seed))) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    text = "ab"
    with torch.no_grad():
        for _ in range(10):
            text += "abcd"[int(made(made.encode(text)[None])[0][0, -1].argmax())]
    assert "ab" + "".join(made.generate("ab", 10, SamplingSettings(temperature=0))) == text


def test_every_symbol_but_the_first_of_a_stream_is_asked_for_once(tmp_path: Path) -> None:
    made = task(tmp_path)  # three streams of 120 symbols: five steps of 20, and 19 that no step has room for
    asked = [made.rows[:, at + 1 : at + 21] for at in made.batches(0)]
    assert torch.equal(torch.cat(asked, dim=1), made.rows[:, 1:101])
    assert [made.loss(at)[1] for at in made.batches(0)] == [60] * 5


def test_a_step_goes_on_from_the_state_that_the_one_before_left(tmp_path: Path) -> None:
    made = task(tmp_path)
    made.model.eval()
    with torch.no_grad():
        parts = [float(made.loss(at)[0]) for at in made.batches(0)]
        logits, _ = made.model(made.rows[:, :100])
        whole = torch.nn.functional.cross_entropy(logits.flatten(0, 1), made.rows[:, 1:101].flatten())
        assert sum(parts) / 5 == pytest.approx(float(whole), abs=1e-6)
        assert float(made.loss(0)[0]) == pytest.approx(parts[0], abs=1e-6)  # an epoch begins with no state


@pytest.mark.parametrize("stop", [3, 8])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, stop: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    heard: list[int] = []

    def interrupt(event: Step | Epoch, steps: int | None) -> None:
        if isinstance(event, Step) and event.step == stop + 1:
            raise ConnectionResetError

    def listen(event: Step | Epoch, steps: int | None) -> None:
        if isinstance(event, Step):
            heard.append(event.step)

    try:
        whole, history = train(tmp_path / "whole")
        with pytest.raises(ConnectionResetError):
            train(tmp_path / "parts", interrupt)
        torch.manual_seed(99)
        rest, again = train(tmp_path / "parts", listen)
    finally:
        torch.set_num_threads(threads)
    assert heard[0] == stop + 1
    assert [epoch.validation for epoch in again.epochs] == [epoch.validation for epoch in history.epochs]
    for ours, theirs in zip(rest.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert (tmp_path / "parts" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_training_learns_what_follows(tmp_path: Path) -> None:
    made = task(tmp_path, LanguageTraining(streams=3, steps=20, epochs=12, scoring_streams=2))
    before = made.validate()["loss"]
    history = fit(made, made.settings.loop, lambda event, steps: None)
    assert history.best.validation["loss"] < before - 0.2
    assert load_language_model(tmp_path).nats(made.held_out, streams=2) == history.best.validation["loss"]
    assert {step.tokens for step in history.steps} == {60}
    assert all(step.gradient_norm > 0 for step in history.steps)


def test_a_saved_model_reads_as_before(tmp_path: Path) -> None:
    made = model()
    save_language_model(made, tmp_path)
    ids = made.encode("abcd")
    assert load_language_model(tmp_path).nats(ids) == made.nats(ids)
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace("abcd", "abcde"))
    with pytest.raises(FormatError, match="does not hold one model"):
        load_language_model(tmp_path)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    made = model()
    with pytest.raises(DataError, match="not among them: \\['z'\\]"):
        made.encode("abz")
    with pytest.raises(ShapeError, match="for 4 symbols"):
        made(torch.tensor([[4]]))
    with pytest.raises(ShapeError, match="expected"):
        made(torch.zeros(1, 0, dtype=torch.int64))
    with pytest.raises(UsageError, match="two or more distinct"):
        LanguageSettings(symbols="a")
    with pytest.raises(DataError, match="too short"):
        made.nats(made.encode("a"))
    with pytest.raises(DataError, match="empty"):
        list(made.generate("", 3, SamplingSettings()))
    with pytest.raises(UsageError, match="each character comes once"):
        LanguageSettings(symbols="aba")
    with pytest.raises(UsageError, match="leaves one part empty"):
        split_text("abc", 0.0)
    with pytest.raises(
        DataError, match="360 characters, 60 held out, is too short for 3 streams of 120 steps"
    ):
        task(tmp_path, LanguageTraining(streams=3, steps=120))
