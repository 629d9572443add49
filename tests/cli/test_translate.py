"""`cutaway recurrent train-translator`, `translate` and `generate` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cutaway.cli.main import main
from cutaway.finetuning.translator import Translator
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.sampling import Sampling

LINES = ["the king rules the land", "a dog eats the bone at night", "the queen and the king sing", "no rain"]
SMALL = ["--vocabulary", "300", "--embedding", "8", "--encoder", "6", "--hidden", "10", "--tokens", "64"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("pairs")
    for name, lines in (("a", LINES), ("b", [line.upper() for line in LINES])):
        (folder / name).write_text("\n".join(lines * 10) + "\n", encoding="utf-8")
    return str(folder / "a"), str(folder / "b")


@pytest.fixture(scope="module")
def run(files: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    out = str(tmp_path_factory.mktemp("runs") / "run")
    words = ["recurrent", "train-translator", *files, *SMALL, "--epochs", "2", "--out", out, "--threads", "1"]
    assert main(words) == 0
    return out


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("writer")
    (folder / "t.txt").write_text("\n".join(LINES * 10) + "\n", encoding="utf-8")
    fresh = ["--size", "1x16x2x32", "--vocabulary", "300", "--tokens", "24", "--batch-tokens", "256"]
    words = ["pretrain", str(folder / "t.txt"), *fresh, "--epochs", "1", "--precision", "float32"]
    assert main([*words, "--out", str(folder / "run")]) == 0
    return str(folder / "run")


def test_a_training_leaves_a_run_that_is_not_begun_again(
    run: str, files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    history = json.loads((Path(run) / "history.json").read_text(encoding="utf-8"))
    assert [epoch["epoch"] for epoch in history["epochs"]] == [1, 2]
    words = ["recurrent", "train-translator", *files, *SMALL, "--epochs", "2", "--out", run, "--threads", "1"]
    assert main(words) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_sentences_are_translated(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = Translator.load(run).translate(LINES[:2], beam=3, alpha=0.5)
    words = ["translate", run, *LINES[:2], "--beam", "3", "--alpha", "0.5"]
    assert main(words) == 0
    assert capsys.readouterr().out == "".join(f"{answer.text}\n" for answer in expected)
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["score"] for row in told] == [answer.score for answer in expected]
    assert [row["source"] for row in told] == LINES[:2]


def test_an_alignment_is_drawn(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", run, LINES[0], "--alignment", "--beam", "1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    trace = Translator.load(run).trace(LINES[0], shown[0])
    weights, sources = trace["alignment"], trace.labels["position"]
    assert [column.split(":")[1] for column in shown[1].split()] == list(sources)
    for line, row in zip(shown[3:], weights, strict=False):
        assert line.endswith(f"→ {sources[row.argmax()]} {row.max():.2f}")
    assert len(shown) == 4 + len(weights)


def test_a_file_keeps_its_lines(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text(f"{LINES[0]}\n\n" + "\n".join(LINES * 6) + "\n", encoding="utf-8")
    assert main(["translate", run, "--input", str(source), "--output", str(target), "--beam", "1"]) == 0
    lines = target.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 27
    assert (lines[0], lines[1]) == (lines[2], "")
    assert "26 lines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["RUN"], 2, "give sentences, or --input"),
        (["RUN", "a", "--input", "x"], 2, "give sentences, or --input"),
        (["RUN", " "], 1, "text 1 of 1 is empty"),
        (["RUN", "a", "--alignment", "--json"], 2, "--alignment draws for a terminal"),
        (["RUN", "a", "--beam", "0"], 2, "beams is 0"),
        (["RUN", "a", "--alpha", "-1"], 2, "alpha is -1"),
        (["RUN", "--input", "nowhere.txt"], 1, "there is no file"),
        (["nowhere", "a"], 1, "no trained translator"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], code: int, said: str, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", *(run if word == "RUN" else word for word in words)]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--validation", "x"], 2, "takes two files"),
        (["--attention", "guess"], 2, "attention is 'guess'"),
        (["--attention", "dot", "--hidden", "10"], 2, "one width"),
        (["--resume"], 2, "no unfinished training to resume"),
        (["--threads", "-1"], 2, "threads is -1"),
    ],
)
def test_bad_settings_are_one_line_and_leave_nothing(
    words: list[str],
    code: int,
    said: str,
    files: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["recurrent", "train-translator", *files, *SMALL, *words, "--out", str(out)]) == code
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_writer_goes_on_with_a_prompt(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", writer, "the king", "--length", "9", "--top-k", "5", "--seed", "3"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    gpt, tokenizer = Gpt.load(writer), Tokenizer.load(writer)
    ids = tokenizer.encode("the king", special=False).ids
    drawn = gpt.generate(ids, tokens=9, sampling=Sampling(temperature=0.8, top_k=5, seed=3))
    assert shown == "the king" + tokenizer.decode(np.asarray(drawn).tolist()) + "\n"
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prompt"] + told["text"] + "\n" == shown
    assert main(["generate", writer, "the king"]) == 0  # as many as there is room for


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["RUN", ""], 1, "prompt is empty"),
        (["RUN", "the king", "--length", "60"], 1, "more than the position table's 24"),
        (["RUN", "the king", "--top-p", "0"], 2, "top_p is 0"),
        (["RUN", "the king", "--temperature", "-1"], 2, "temperature is -1"),
        (["./nowhere", "the king"], 1, "no folder"),
    ],
)
def test_a_writer_refuses_in_one_line(
    words: list[str], code: int, said: str, writer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *(writer if word == "RUN" else word for word in words)]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
