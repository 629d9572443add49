"""Training: it learns, it is repeatable, it keeps the best; and the command line around it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cutaway.cli.main import main
from cutaway.core.errors import DataError, DivergedError, ShapeError, UsageError
from cutaway.finetuning.runs.predictions import read_answers
from cutaway.finetuning.runs.store import Store
from cutaway.recurrent import train as train_module
from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
from cutaway.recurrent.evaluate import Examples, class_numbers, evaluate
from cutaway.recurrent.train import TrainSettings, train_classifier
from cutaway.training.loop import Epoch, LoopSettings, Step
from cutaway.training.optimizer import OptimizerSettings


def order_matters(count: int, seed: int) -> Examples:
    """Does word 1 come before word 2? Bags of words cannot tell."""
    random = np.random.default_rng(seed)
    rows, truth = [], []
    for _ in range(count):
        row = random.integers(3, 9, size=random.integers(4, 9))
        first, second = sorted(random.choice(len(row), size=2, replace=False))
        answer = int(random.integers(2))
        row[first], row[second] = (1, 2) if answer else (2, 1)
        rows.append(row)
        truth.append(answer)
    return Examples(rows=rows, truth=np.array(truth, dtype=np.int64))


def small(epochs: int = 15, rate: float = 0.03, seed: int = 0) -> TrainSettings:
    loop = LoopSettings(epochs=epochs, patience=epochs, seed=seed, optimizer=OptimizerSettings(rate=rate))
    model = ClassifierSettings(labels=("after", "before"), hidden=8, pooling="last")
    return TrainSettings(model=model, batch_words=100, loop=loop)


def test_it_learns_what_only_order_tells(table: np.ndarray) -> None:
    examples = (order_matters(300, 1), order_matters(100, 2))
    model, history = train_classifier(small(), table, examples, keep=lambda model: None)
    assert history.epochs[0].validation["accuracy"] < 0.8
    assert history.best.validation["accuracy"] > 0.95
    assert evaluate(model, order_matters(100, 3))["accuracy"] > 0.95


def test_the_same_seed_trains_the_same_weights(table: np.ndarray) -> None:
    examples = (order_matters(60, 1), order_matters(20, 2))
    weights = []
    for seed in (0, 0, 1):
        model, _ = train_classifier(small(2, seed=seed), table, examples, keep=lambda model: None)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_best_epoch_is_what_was_kept_last(table: np.ndarray) -> None:
    examples = (order_matters(40, 1), order_matters(40, 2))
    kept: list[float] = []
    told: list[Step | Epoch] = []

    def keep(model: SequenceClassifier) -> None:
        kept.append(evaluate(model, examples[1])["loss"])

    _, history = train_classifier(
        small(10, rate=0.1), table, examples, keep=keep, listen=lambda event, steps: told.append(event)
    )
    assert kept[-1] == history.best.validation["loss"]
    assert kept == sorted(kept, reverse=True)
    assert 0 < len(kept) < len(history.epochs), "some epoch was not the best so far"
    assert [event for event in told if isinstance(event, Epoch)] == history.epochs


def test_evaluate_by_hand(table: np.ndarray) -> None:
    model = SequenceClassifier(small().model, table)
    examples = order_matters(30, 4)
    p = np.array([model.predict([row])[0] for row in examples.rows], dtype=np.float64)
    right = p[np.arange(30), examples.truth]
    counted: list[int] = []
    measures = evaluate(model, examples, told=counted.append)
    assert measures["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-6)
    assert measures["accuracy"] == (right > 0.5).mean()
    assert sum(counted) == 30


def test_a_loss_that_is_nan_stops_the_training(table: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(logits: Tensor, truth: Tensor) -> Tensor:
        return (logits * float("nan")).sum()

    monkeypatch.setattr(train_module.functional, "cross_entropy", broken)
    examples = (order_matters(20, 1), order_matters(20, 2))
    with pytest.raises(DivergedError, match="nan at step 1"):
        train_classifier(small(), table, examples, keep=lambda model: None)


def test_labels_and_examples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="'maybe'"):
        class_numbers(["yes", "maybe"], ["no", "yes"])
    with pytest.raises(ShapeError, match="2 sequences and 1 classes"):
        Examples(rows=[np.array([1]), np.array([2])], truth=np.array([0]))
    with pytest.raises(ShapeError, match="0 sequences"):
        Examples(rows=[], truth=np.array([], dtype=np.int64))
    with pytest.raises(UsageError, match="not 0"):
        TrainSettings(model=small().model, batch_words=0)


def trained(folder: Path, reviews: Path, vectors: Path, *options: str) -> int:
    where = ["recurrent", "train", str(reviews), "--vectors", str(vectors), "--out", str(folder)]
    return main([*where, "--hidden", "6", "--batch-words", "64", "--rate", "0.03", *options])


def test_train_evaluate_and_predict_from_the_command_line(
    tmp_path: Path, reviews_file: Path, vectors_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert trained(run, reviews_file, vectors_file, "--epochs", "6", "--held-out", "0.25", "--json") == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["accuracy"] == 1.0
    assert "epoch 6: training loss" in told.err
    assert sorted(file.name for file in run.iterdir()) == [
        "card.md",
        "config.json",
        "history.json",
        "model.safetensors",
        "predictions.parquet",
        "run.json",
        "steps.jsonl",
    ]
    record = Store.open().find(str(run))
    assert (record.kind, record.status, record.measures["loss"]) == ("lstm", "finished", result["loss"])
    held = read_answers(run)
    assert (held.probabilities.argmax(1) == held.truth).mean() == 1.0
    assert len(held) == 16
    history = json.loads((run / "history.json").read_text())
    assert len(history["epochs"]) == 6
    assert min(epoch["validation"]["loss"] for epoch in history["epochs"]) == result["loss"]
    card = (run / "card.md").read_text()
    assert f"accuracy 100.00%, loss {result['loss']:.4f} nats" in card
    assert "16 of 64 texts held out" in card

    assert main(["recurrent", "evaluate", str(run), str(reviews_file), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert (scored["rows"], scored["accuracy"]) == (64, 1.0)

    assert main(["recurrent", "predict", "The film was AWFUL.", "--model", str(run), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == "bad"
    assert [step["word"] for step in answer["running"]] == ["The", "film", "was", "AWFUL", "."]
    assert answer["running"][-1]["probability"] == pytest.approx(answer["probability"], abs=1e-6)

    assert main(["recurrent", "predict", "[bold]awful[/bold]", "--model", str(run)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("bad  ")
    assert "[" in shown, "markup in a text is text"


def test_ctrl_c_leaves_a_training_that_goes_on_to_the_same_weights(
    tmp_path: Path,
    reviews_file: Path,
    vectors_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = train_module.evaluate
    calls: list[int] = []

    def interrupted(model: SequenceClassifier, examples: Examples) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return original(model, examples)

    run, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--epochs", "5", "--held-out", "16"]
    with one_thread():
        assert trained(whole, reviews_file, vectors_file, *options) == 0
        monkeypatch.setattr(train_module, "evaluate", interrupted)
        assert trained(run, reviews_file, vectors_file, *options) == 130
        assert f"--resume --out {run}" in capsys.readouterr().err
        assert len(json.loads((run / "history.json").read_text())["epochs"]) in (2, 3)
        assert main(["recurrent", "evaluate", str(run), str(reviews_file)]) == 0
        assert trained(run, reviews_file, vectors_file, *options) == 2
        assert "unfinished training" in capsys.readouterr().err
        assert trained(run, reviews_file, vectors_file, *options, "--resume") == 0
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    told, straight = (json.loads((folder / "history.json").read_text()) for folder in (run, whole))
    losses = [[epoch["validation"]["loss"] for epoch in one["epochs"]] for one in (told, straight)]
    assert losses[0] == losses[1]


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--pooling", "sum"], 2, "pooling must be one of"),
        (["--directions", "up"], 2, "directions must be one of"),
        (["--held-out", "0"], 2, "held_out"),
        (["--held-out", "64"], 2, "cannot hold out 64 of 64"),
        (["--text", "words"], 2, "no column 'words'"),
        (["--batch-words", "0"], 2, "at least one word"),
        (["--epochs", "0"], 2, "epochs (0)"),
        (["--hidden", "0"], 2, "0 hidden"),
    ],
)
def test_wrong_options_get_one_line(
    tmp_path: Path,
    reviews_file: Path,
    vectors_file: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    told: str,
) -> None:
    assert trained(tmp_path / "run", reviews_file, vectors_file, *options) == code
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["predict", ""], 1, "no word"),
        (["predict", " <br /> "], 1, "no word"),
        (["predict", "fine", "--model", "no-such-model"], 1, "no-such-model"),
        (["predict", "fine", "--model", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        (["evaluate", "/nowhere/at/all", "imdb"], 4, "imdb is not on this machine"),
    ],
)
def test_what_cannot_be_read_gets_one_line(
    capsys: pytest.CaptureFixture[str], offline: Path, arguments: list[str], code: int, told: str
) -> None:
    found = main(["recurrent", *arguments])
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert found == code


def test_the_shipped_model_answers_as_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    text = "A dull start, but I love the ending."
    assert main(["recurrent", "predict", text, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == "positive"
    golden = [0.562, 0.428, 0.432, 0.443, 0.443, 0.454, 0.550, 0.551, 0.568, 0.569]
    assert [step["probability"] for step in answer["running"]] == pytest.approx(golden, abs=1e-3)
    assert main(["recurrent", "predict", "An awful, boring waste of time."]) == 0
    assert capsys.readouterr().out.startswith("negative  0.9")
