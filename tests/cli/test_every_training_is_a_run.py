"""Every training, of whatever room, is a run: what it was told, what it read, and each of its steps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.finetuning.runs.curves import read_history
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.store import Store

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "the",
    "mat",
    "and",
    "the",
    "dog",
    "ran",
    "after",
    "the",
    "red",
    "fox",
    "into",
    "the",
    "old",
    "barn",
]
LINES = [" ".join(WORDS[at % 9 :] + WORDS[: at % 7]) for at in range(60)]
TINY = ["--size", "2x16", "--vocabulary", "300", "--tokens", "48", "--batch-tokens", "256", "--epochs", "2"]


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def vectors(model: str) -> Callable[[Path], list[str]]:
    return lambda text: [
        *("vectors", "train", str(text), "--out", str(text.with_name("v.safetensors")), "--model", model),
        *("--dim", "4", "--min-count", "1", "--epochs", "2"),
    ]


def language(text: Path) -> list[str]:
    small = ["--hidden", "8", "--layers", "1", "--embedding", "4", "--streams", "4", "--steps", "20"]
    return ["recurrent", "train-language", str(text), *small, "--epochs", "2", "--out", _out(text)]


def lstm(text: Path) -> list[str]:
    table = write_table(text.with_name("reviews.csv"))
    return ["recurrent", "train", table, "--hidden", "4", "--epochs", "2", "--out", _out(text)]


def recurrent_translator(text: Path) -> list[str]:
    small = ["--vocabulary", "300", "--embedding", "4", "--encoder", "4", "--hidden", "8", "--epochs", "2"]
    pairs = _pairs(text)
    return ["recurrent", "train-translator", *pairs, *small, "--average", "1", "--out", _out(text)]


def translator(text: Path) -> list[str]:
    return ["pretrain", *_pairs(text), "--objective", "translation", *TINY, "--out", _out(text)]


def pretraining(objective: str) -> Callable[[Path], list[str]]:
    return lambda text: ["pretrain", str(text), "--objective", objective, *TINY, "--out", _out(text)]


def next_sentence(text: Path) -> list[str]:
    documents = [text.with_name(f"document-{at}.txt") for at in range(4)]
    for at, document in enumerate(documents):
        document.write_text("\n".join(LINES[at:]))
    more = ["--objective", "next-sentence", *TINY, "--held-out", "0.5", "--out", _out(text)]
    return ["pretrain", *map(str, documents), *more]


def distillation(text: Path) -> list[str]:
    teacher = write_tiny_encoder(text.with_name("teacher"))
    return [
        "pretrain",
        str(text),
        "--objective",
        "distillation",
        "--from",
        teacher,
        *TINY[4:],
        "--out",
        _out(text),
    ]


def finetuning(text: Path) -> list[str]:
    encoder = write_tiny_encoder(text.with_name("base"))
    table = write_table(text.with_name("reviews.csv"))
    return ["finetune", table, "--model", encoder, "--epochs", "2", "--out", _out(text)]


def _out(text: Path) -> str:
    return str(text.parent / "runs" / "one")


def _pairs(text: Path) -> list[str]:
    """One sentence a line, and the same back to front."""
    sides = [text.with_name(name) for name in ("a.txt", "b.txt")]
    for side, step in zip(sides, (1, -1), strict=True):
        side.write_text("".join(" ".join(line.split()[::step]) + "\n" for line in LINES))
    return [str(side) for side in sides]


TRAININGS: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "skip-gram": ("vectors", vectors("skip-gram")),
    "glove": ("vectors", vectors("glove")),
    "language": ("language", language),
    "lstm": ("lstm", lstm),
    "recurrent translator": ("translator", recurrent_translator),
    "translator": ("translator", translator),
    "causal": ("pretrain", pretraining("causal")),
    "masked words": ("pretrain", pretraining("masked-words")),
    "next sentence": ("pretrain", next_sentence),
    "distillation": ("pretrain", distillation),
    "finetune": ("finetune", finetuning),
}


def trained(text: Path, name: str) -> RunRecord:
    assert main(TRAININGS[name][1](text)) == 0
    (record,) = Store.open().list()
    return record


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_leaves_its_record_and_every_step(text: Path, name: str) -> None:
    record = trained(text, name)
    assert (record.kind, record.status) == (TRAININGS[name][0], "finished")
    assert len(record.data["sha256"]) == 64
    assert record.seeds == {"all": 0}
    assert record.code
    assert record.environment["python"]
    assert {"epochs", "rate"} <= names_in(record.settings)
    history = read_history(record.folder)
    assert [step.step for step in history.steps] == list(range(1, len(history.steps) + 1))
    assert len(history.steps) >= 2
    for step in history.steps:
        assert step.loss > 0
        assert 0 < step.rate < 1
        assert step.examples > 0
        assert step.seconds > 0
        assert (step.tokens > 0) == (name != "glove")  # whose steps are passes over counted cells
        assert (step.gradient_norm is None) == (record.kind == "vectors")
    assert record.measures["loss"] > 0


def names_in(settings: object) -> set[str]:
    if not isinstance(settings, dict):
        return set()
    return {str(name) for name in settings} | {one for value in settings.values() for one in names_in(value)}


def test_the_hash_is_the_corpus_and_of_a_folder_that_of_its_files(text: Path, tmp_path: Path) -> None:
    assert trained(text, "skip-gram").data["sha256"] == sha256(text.read_bytes()).hexdigest()
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("\n".join(LINES) + name)
    time.sleep(1.1)  # the run folder of vectors is named by the second
    assert main(vectors("skip-gram")(folder)) == 0
    told = "".join(sha256((folder / name).read_bytes()).hexdigest() for name in ("a.txt", "b.txt"))
    assert Store.open().list()[0].data["sha256"] == sha256(told.encode()).hexdigest()


@pytest.mark.parametrize("form", ["csv", "json"])
def test_curves_without_gradients_are_exported_and_drawn(text: Path, form: str) -> None:
    record = trained(text, "skip-gram")
    target = text.with_name("curves")
    assert main(["runs", "export", record.name, "--format", form, "--out", str(target)]) == 0
    told = target.read_text()
    assert "loss" in told
    assert ("training/gradient_norm" in told) is False
    assert main(["runs", "report", record.name]) == 0
    page = (record.folder / "report.html").read_text()
    assert "learning rate" in page
    assert "gradient norm" not in page
    assert main(["runs", "explain", record.name]) == 0


def test_a_language_model_is_neither_overwritten_nor_trained_twice_at_once(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cutaway.core.lock import hold

    command = language(text)
    folder = Path(_out(text))
    with hold(folder / "checkpoints" / "run.lock", of=folder):
        assert main(command) == 4
    assert "is held by process" in capsys.readouterr().err
    assert main(command) == 0
    before = json.loads((folder / "run.json").read_text())
    assert main([*command, "--hidden", "12"]) == 2
    assert "already holds a run: name another folder" in capsys.readouterr().err
    assert json.loads((folder / "run.json").read_text()) == before
