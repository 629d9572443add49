"""A real training on a small table, through the library and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cutaway.cli.main import main
from cutaway.core.errors import UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.finetune import FinetuneSettings, finetune
from cutaway.finetuning.inputs import InputSettings
from cutaway.finetuning.lora import LoraSettings
from cutaway.training.loop import Epoch, LoopSettings, Step
from cutaway.training.optimizer import OptimizerSettings

GOOD = [
    "a great film",
    "I loved it",
    "wonderful acting",
    "a joy to watch",
    "brilliant and funny",
    "superb",
    "very moving",
    "a delight",
]
BAD = [
    "a terrible film",
    "I hated it",
    "awful acting",
    "a pain to watch",
    "dull and stupid",
    "dreadful",
    "very boring",
    "a waste of time",
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    rows = [
        f"{text}{end},{label}"
        for end in ("", "!")
        for label, texts in (("good", GOOD), ("bad", BAD))
        for text in texts
    ]
    path.write_text("review,sentiment\n" + "\n".join(rows) + "\n")
    return path


def small(epochs: int = 4, rank: int = 4) -> FinetuneSettings:
    return FinetuneSettings(
        held_out=8,
        batch_tokens=64,
        precision="float32",
        inputs=InputSettings(max_tokens=16),
        lora=LoraSettings(rank=rank),
        loop=LoopSettings(epochs=epochs, optimizer=OptimizerSettings(rate=3e-3)),
    )


def test_it_learns_keeps_the_best_and_writes_the_run(table: Path, tmp_path: Path) -> None:
    events: list[Step | Epoch] = []
    run = finetune(
        table, settings=small(), out=tmp_path / "run", listen=lambda event, steps: events.append(event)
    )
    assert run.measures["accuracy"] >= 0.75
    assert run.history.epochs[-1].training_loss < run.history.epochs[0].training_loss * 0.8
    assert run.measures["loss"] == min(epoch.validation["loss"] for epoch in run.history.epochs)
    names = {"model.safetensors", "config.json", "settings.json", "history.json", "report.md", "run.json"}
    names |= {"steps.jsonl", "predictions.parquet", "report.html", "README.md"}
    assert {file.name for file in run.folder.iterdir()} == names
    settings = json.loads((run.folder / "settings.json").read_text())
    assert settings["data"]["training"] == 24
    assert json.loads((run.folder / "history.json").read_text())["epochs"][0]["epoch"] == 1
    answers = Classifier.load(run.folder).predict(["a great joy", "dreadful waste"])
    assert answers.labels == ["good", "bad"]
    assert any(isinstance(event, Epoch) for event in events)


def test_the_same_seed_gives_the_same_run(table: Path, tmp_path: Path) -> None:
    runs = [finetune(table, settings=small(epochs=1), out=tmp_path / name) for name in "ab"]
    losses = [[step.loss for step in run.history.steps] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_folder_with_a_run_is_never_overwritten(table: Path, tmp_path: Path) -> None:
    finetune(table, settings=small(epochs=1, rank=0), out=tmp_path / "run")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="already holds a run"):
        finetune(table, settings=small(), out=tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_the_command_line_trains_predicts_and_scores(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "run")
    options = ["--epochs", "1", "--rank", "0", "--max-tokens", "16", "--held-out", "4"]
    assert main(["finetune", str(table), "--out", folder, "--json", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == folder
    assert main(["predict", folder, "a great film", "[red]dull[/red]", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["text"] for row in rows] == ["a great film", "[red]dull[/red]"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1)
    assert main(["predict", folder, "[red]dull[/red]"]) == 0
    assert "[red]dull[/red]" in capsys.readouterr().out
    assert main(["evaluate", folder, str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 32


def test_the_data_is_described_before_training(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doubled = tmp_path / "doubled.csv"
    doubled.write_text(table.read_text() + "A  great film,bad\n")
    options = ["--epochs", "1", "--rank", "0", "--max-tokens", "6", "--held-out", "16", "--limit", "30"]
    assert main(["finetune", str(doubled), "--out", str(tmp_path / "a"), "--json", *options[:-2]]) == 0
    told = capsys.readouterr().err
    assert "bad         17   51.5%" in told
    assert "duplicates: 1 rows repeat an earlier text, 1 with another label (1 and 33)" in told
    assert "read of a text: 4 tokens at most; 9.1% of the texts are longer" in told
    assert (
        main(["finetune", str(doubled), "--out", str(tmp_path / "b"), "--duplicates", "drop", *options]) == 0
    )
    told = capsys.readouterr().err
    assert "dropped 1 of 33 rows" in told
    assert "duplicates:" not in told


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["finetune", "{table}", "--duplicates", "no"], 2, "--duplicates must be keep or drop, not 'no'"),
        (["finetune", "{table}", "--undecodable", "no"], 2, "--undecodable must be strict or replace"),
        (["finetune", "{table}", "--limit", "0"], 2, "--limit"),
        (["finetune", "{table}", "--text", "review", "--label", "review"], 2, "both text and label"),
        (["finetune", "nope.csv"], 1, "nope.csv"),
        (["finetune", "{table}", "--label", "stars"], 2, "no column 'stars'"),
        (["finetune", "{table}", "--rate", "-1"], 2, "learning rate"),
        (["finetune", "{table}", "--epochs", "x"], 2, "epochs"),
        (["predict", "nope", "text"], 1, "nope"),
        (["predict", "sentiment", " "], 1, "empty"),
        (["evaluate", "sentiment", "{table}"], 1, "label 'bad'"),
    ],
)
def test_mistakes_get_one_line_and_their_code(
    table: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main([word.format(table=table) for word in arguments]) == code
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told
