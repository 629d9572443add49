"""`cutaway pretrain` as a user runs it: each objective leaves a folder that others load; bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cutaway.cli.main import main
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.bert import Bert
from cutaway.transformers.gpt import Gpt
from cutaway.transformers.packing import PackedBatch
from cutaway.transformers.seq2seq import Transformer
from cutaway.transformers.tasks import MaskedWords

LINES = ["the king rules the land", "a dog eats the bone at night", "the queen and the king sing", "no rain"]
SMALL = ["--tokens", "16", "--batch-tokens", "256", "--epochs", "2", "--precision", "float32"]
FRESH = ["--size", "2x16x2x32", "--vocabulary", "300"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES * 40) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    rows = [json.dumps({"text": f"{a}. {b}."}) for a in LINES for b in LINES]
    path.write_text("\n".join(rows * 3) + "\n", encoding="utf-8")
    return path


def history(folder: Path) -> list[float]:
    read = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    return [epoch["validation"]["loss"] for epoch in read["epochs"]]


def test_a_writer_learns_is_loaded_and_goes_on(text: Path, tmp_path: Path) -> None:
    out, on = tmp_path / "gpt", tmp_path / "on"
    assert main(["pretrain", str(text), *FRESH, *SMALL, "--rate", "0.01", "--out", str(out)]) == 0
    losses = history(out)
    assert losses[1] < losses[0]
    gpt, tokenizer = Gpt.load(out), Tokenizer.load(out)
    assert gpt.config.vocabulary == tokenizer.vocab_size
    transformers = pytest.importorskip("transformers")
    theirs = transformers.GPT2LMHeadModel.from_pretrained(out).eval()
    ids = tokenizer.encode("the king rules", special=False).ids
    ours = gpt.logits(gpt.eval()(PackedBatch.from_rows([np.array(ids)])))
    torch.testing.assert_close(ours, theirs(torch.tensor([list(ids)])).logits[0], atol=1e-5, rtol=1e-4)
    assert main(["pretrain", str(text), "--from", str(out), *SMALL, "--out", str(on)]) == 0
    settings = json.loads((on / "settings.json").read_text(encoding="utf-8"))
    # Before the first step the second run is where the best epoch of the first one was.
    assert settings["measures_at_start"]["loss"] == pytest.approx(min(losses), abs=1e-5)


def test_masked_words_head_alone_leaves_the_body(table: Path, tmp_path: Path) -> None:
    out, on = tmp_path / "bert", tmp_path / "on"
    start = ["pretrain", str(table), "--objective", "masked-words", *SMALL]
    assert main([*start, *FRESH, "--unit", "word", "--rate", "0.01", "--out", str(out)]) == 0
    assert main([*start, "--from", str(out), "--train", "head", "--out", str(on)]) == 0
    before, after = MaskedWords.load(out), MaskedWords.load(on)
    for name, weight in before.body.named_parameters():
        assert torch.equal(weight, after.body.get_parameter(name)), name
    assert any(
        not torch.equal(weight, after.head.get_parameter(name))
        for name, weight in before.head.named_parameters()
    )


@pytest.mark.parametrize("objective", ["next-sentence", "distillation"])
def test_the_other_objectives_of_an_encoder(objective: str, table: Path, tmp_path: Path) -> None:
    teacher, out = tmp_path / "teacher", tmp_path / "out"
    words = ["pretrain", str(table), "--objective"]
    assert main([*words, "next-sentence", *FRESH, *SMALL, "--out", str(teacher)]) == 0
    assert main([*words, objective, "--from", str(teacher), *SMALL, "--out", str(out)]) == 0
    layers = MaskedWords.load(out).body.config.layers
    assert layers == (1 if objective == "distillation" else 2)
    assert isinstance(MaskedWords.load(teacher).body, Bert)


def test_translation_learns_from_two_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n".join(LINES * 20) + "\n", encoding="utf-8")
    (tmp_path / "b").write_text("\n".join(line.upper() for line in LINES * 20) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    words = ["pretrain", str(tmp_path / "a"), str(tmp_path / "b"), "--objective", "translation"]
    assert main([*words, *FRESH, *SMALL, "--tokens", "64", "--rate", "0.01", "--out", str(out)]) == 0
    assert history(out)[1] < history(out)[0]
    assert Transformer.load(out).config.decoder_layers == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--size", "2x16"], 2, "name where to begin"),
        (["--size", "2by16"], 2, "size is '2by16'"),
        (["--size", "2x16", "--objective", "guess"], 2, "objective is 'guess'"),
        (["--size", "2x16", "--objective", "distillation"], 2, "distillation needs a teacher"),
        (["--size", "2x16", "--train", "head"], 2, "only masked words have a head"),
        (["--size", "2x16", "--limit", "0"], 2, "limit is 0"),
        (["--size", "2x16", "--lr_scheduler_type", "square"], 2, "schedule is 'square'"),
        (["--size", "2x16", "--accumulate", "0"], 2, "accumulate is 0"),
        (["--size", "2x16", "--held-out", "1.5"], 2, "held_out is 1.5"),
        (["--size", "2x16", "--precision", "int16"], 2, "choose auto, float32 or bfloat16"),
        (["--size", "2x16", "--device", "gpu"], 2, "choose auto, cpu, cuda or cuda:N"),
        (["--size", "2x16", "--device", "cpu", "--compile"], 2, "compiled for a GPU only"),
        (["--size", "2x16", "--objective", "translation"], 2, "translation reads two files"),
        (["--from", "all-MiniLM-L6-v2"], 1, "gpt2"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], code: int, said: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [*words, "--from", "x"] if said == "name where to begin" else words
    assert main(["pretrain", str(text), *both, "--out", str(tmp_path / "out")]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("content", "said"), [("", "no text"), ("a", "leaves one part empty")])
def test_too_little_text_is_one_line(
    content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.txt").write_text(content, encoding="utf-8")
    out = str(tmp_path / "out")
    assert main(["pretrain", str(tmp_path / "t.txt"), "--size", "2x16", "--out", out]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_folder_with_a_run_is_left_alone(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.json").write_text("{}")
    assert main(["pretrain", str(text), *FRESH, "--out", str(tmp_path)]) == 2
    assert "already holds a run" in capsys.readouterr().err
