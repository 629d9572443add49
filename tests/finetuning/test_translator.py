"""A recurrent translator learns, is stopped and resumed bit for bit, and is loaded; what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cutaway.core.errors import CutawayError, DataError, FormatError, MissingFileError, UsageError
from cutaway.finetuning.parallel_text import ParallelText, train_subwords
from cutaway.finetuning.pretraining import ParallelSplit
from cutaway.finetuning.translator import Translator
from cutaway.finetuning.translator_settings import TranslatorSettings
from cutaway.finetuning.translator_training import TranslatorRun, train_translator
from cutaway.training.beam import BeamSettings
from cutaway.training.loop import LoopSettings
from cutaway.training.optimizer import OptimizerSettings
from cutaway.training.run_folder import SavingSettings

WORDS = {"dog": "Hund", "cat": "Katze", "bird": "Vogel"}
DEEDS = {"sees": "sieht", "likes": "mag"}
SENTENCES = [
    (f"the {one} {deed} the {other}", f"{WORDS[one]} {DEEDS[deed]} {WORDS[other]}")
    for one in WORDS
    for deed in DEEDS
    for other in WORDS
]
HELD = SENTENCES[::4]


def text(pairs: list[tuple[str, str]]) -> ParallelText:
    return ParallelText(sources=[one for one, _ in pairs], targets=[other for _, other in pairs])


DATA = ParallelSplit(training=text(SENTENCES * 60), held_out=text(HELD))
LOOP = LoopSettings(epochs=5, patience=9, optimizer=OptimizerSettings(rate=0.01, warmup=0.1))
SMALL = TranslatorSettings(
    vocabulary=300, embedding=24, encoder=16, hidden=32, dropout=0.05, tokens=30, batch_tokens=160, loop=LOOP
)
RESUMED = SavingSettings(unfinished="resume")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TranslatorRun:
    return train_translator(DATA, SMALL, out=tmp_path_factory.mktemp("translator") / "run")


def test_it_learns_and_is_loaded(run: TranslatorRun) -> None:
    translator = Translator.load(run.folder)
    found = translator.translate([source for source, _ in HELD], beam=3)
    right = sum(answer.text == target for answer, (_, target) in zip(found, HELD, strict=True))
    assert right >= len(HELD) - 1
    assert all(answer.log_probability <= answer.score <= 0 for answer in found)
    losses = [epoch.validation["loss"] for epoch in run.history.epochs]
    assert losses[-1] < losses[0] / 2
    assert run.loss <= min(losses)
    told = json.loads((run.folder / "history.json").read_text(encoding="utf-8"))
    assert (told["loss"], told["kept"], len(told["epochs"])) == (run.loss, run.kept, 5)


def test_the_loss_that_is_told_is_that_of_the_weights_that_were_kept(run: TranslatorRun) -> None:
    translator = Translator.load(run.folder)
    sources, targets = (translator.subwords.encode(side) for side in (text(HELD).sources, text(HELD).targets))
    with torch.no_grad():
        loss = float(translator.model.loss(sources, targets))  # type: ignore[operator]
    assert loss == pytest.approx(run.loss, abs=1e-5)


def test_kept_weights_are_the_mean_of_the_last_epochs(run: TranslatorRun, tmp_path: Path) -> None:
    parts: list[dict[str, torch.Tensor]] = []

    def copy(event: Any, steps: int | None) -> None:
        if steps is None:
            found = sorted((tmp_path / "run" / "checkpoints").glob("weights-*"))
            assert len(found) == min(event.epoch, 3)
            parts.append(load_file(found[-1]))

    # A rate that is high to the end leaves the last epochs around a better point.
    rate = replace(LOOP.optimizer, rate=0.05, schedule="constant")
    noisy = replace(SMALL, dropout=0.4, loop=replace(LOOP, epochs=6, optimizer=rate))
    out = train_translator(DATA, noisy, out=tmp_path / "run", listen=copy)
    assert out.kept == "average of epochs 4 to 6"
    assert out.loss < min(epoch.validation["loss"] for epoch in out.history.epochs)
    for name, value in load_file(out.folder / "model.safetensors").items():
        torch.testing.assert_close(value, sum(part[name] for part in parts[-3:]) / 3)
    assert not (out.folder / "checkpoints").exists()


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", [1, 2])
def test_a_training_that_was_killed_goes_on_bit_for_bit(at: int, run: TranslatorRun, tmp_path: Path) -> None:
    def die(event: Any, steps: int | None) -> None:
        if steps is None and event.epoch == at + 1:
            raise Killed

    with pytest.raises(Killed):
        train_translator(DATA, SMALL, out=tmp_path, listen=die)
    with pytest.raises(UsageError, match="unfinished training"):
        train_translator(DATA, SMALL, out=tmp_path)
    before = {file: (tmp_path / file).read_bytes() for file in ("model.safetensors", "tokenizer.json")}
    other = ParallelSplit(training=text(SENTENCES[:-1] * 60), held_out=text(HELD))
    with pytest.raises(UsageError, match="another"):
        train_translator(other, SMALL, out=tmp_path, saving=RESUMED)
    assert all((tmp_path / file).read_bytes() == data for file, data in before.items())
    again = train_translator(DATA, SMALL, out=tmp_path, saving=RESUMED)
    assert len(again.history.epochs) == 5
    assert (again.loss, again.kept) == (run.loss, run.kept)
    mine, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path, run.folder))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    for folder in ("config.json", "tokenizer.json"):
        assert (tmp_path / folder).read_bytes() == (run.folder / folder).read_bytes()


def test_a_finished_run_is_left_alone(run: TranslatorRun) -> None:
    before = (run.folder / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="already holds a run"):
        train_translator(DATA, SMALL, out=run.folder)
    assert (run.folder / "model.safetensors").read_bytes() == before


def test_an_alignment_is_labelled_and_sums_to_one(run: TranslatorRun) -> None:
    trace = Translator.load(run.folder).trace(*SENTENCES[0])
    assert trace.labels["position"][0].startswith("▁the")
    assert trace.labels["target"][-1] == "</s>"
    np.testing.assert_allclose(trace["alignment"].sum(1), 1, rtol=1e-5)
    # What is asked at the place that is labelled with a token is that token.
    named = trace["probabilities"].argmax(1)
    tokens = Translator.load(run.folder).subwords.tokens(named.tolist())
    right = [one == other for one, other in zip(tokens, trace.labels["target"], strict=True)]
    assert sum(right) >= len(right) - 1


def test_a_transformer_of_pretrain_is_served_too(tmp_path: Path) -> None:
    from cutaway.finetuning.pretraining import pretrain
    from cutaway.finetuning.pretraining_settings import PretrainSettings, SizeSettings

    size = SizeSettings(layers=1, width=16, heads=2, feed_forward=32, dropout=0.0, vocabulary=300)
    settings = PretrainSettings(
        objective="translation",
        tokens=30,
        batch_tokens=400,
        precision="float32",
        loop=replace(LOOP, epochs=1),
    )
    out = pretrain(DATA, start=size, settings=settings, out=tmp_path / "run").folder
    translator = Translator.load(out)
    source = SENTENCES[5][0]
    found = translator.translate([source], beam=2, alpha=0.5)[0]
    ids = translator.subwords.encode([source])
    best = translator.model.translate(ids, settings=BeamSettings(beams=2, alpha=0.5))[0]
    assert (found.text, found.score) == (translator.subwords.decode(best.ids), best.score)
    assert "logits" in translator.trace(*SENTENCES[0]).arrays


def damage(folder: Path, what: str) -> None:
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "json":
        (folder / "config.json").write_text("{")
    elif what == "list":
        (folder / "config.json").write_text("[]")
    elif what == "kind":
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
    elif what == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    else:
        train_subwords(text(SENTENCES), vocabulary=280).save(folder / "tokenizer.json")


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("no config", MissingFileError, "no trained translator"),
        ("json", FormatError, "not valid JSON"),
        ("list", FormatError, "kind None"),
        ("kind", FormatError, "kind 'gpt2', which does not translate"),
        ("no tokenizer", MissingFileError, "tokenizer"),
        ("vocabulary", FormatError, "280 tokens .* the model 299"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    what: str, error: type[CutawayError], said: str, run: TranslatorRun, tmp_path: Path
) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    damage(tmp_path / "run", what)
    with pytest.raises(error, match=said):
        Translator.load(tmp_path / "run")


def test_blank_texts_are_refused(run: TranslatorRun) -> None:
    translator = Translator.load(run.folder)
    with pytest.raises(DataError, match="text 2 of 2 is empty"):
        translator.translate(["the dog", " "])
    with pytest.raises(DataError, match="nothing to read"):
        translator.trace("the dog", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tokens": 1}, "tokens is 1"),
        ({"batch_tokens": 59}, "batch_tokens 59"),
        ({"smoothing": 1.0}, "smoothing is 1.0"),
        ({"average": 0}, "average is 0"),
    ],
)
def test_settings_are_checked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(SMALL, **fields)
