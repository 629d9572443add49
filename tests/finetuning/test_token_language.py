"""A language model over a tokenizer's ids: its parts give the same, and the command trains and writes with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cutaway.cli.main import main
from cutaway.core.errors import DataError, FormatError, UsageError
from cutaway.finetuning.token_language import TokenLanguage
from cutaway.recurrent.language import LanguageModel, LanguageSettings
from cutaway.recurrent.sampling import SamplingSettings
from cutaway.tokenization.tokenizer import Tokenizer

TEXT = "the red fox saw the blue fox. " * 120


def language() -> TokenLanguage:
    tokenizer = Tokenizer.train([TEXT], model="bpe", vocab_size=280)
    torch.manual_seed(1)
    return TokenLanguage(LanguageModel(LanguageSettings(symbols=tokenizer.vocab_size, hidden=16)), tokenizer)


def test_the_likeliest_token_comes_next() -> None:
    made = language()
    ids = made.encode("the red")
    with torch.no_grad():
        for _ in range(12):
            best = made.model.eval()(ids[None])[0][0, -1].argmax()
            ids = torch.cat([ids, best[None]])
    written = "".join(made.generate("the red", 12, SamplingSettings(temperature=0)))
    assert "the red" + written == made.tokenizer.decode(ids.tolist())


def test_the_command_trains_on_tokens_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    out = tmp_path / "run"
    words = ["recurrent", "train-language", str(tmp_path / "text.txt"), "--out", str(out), "--threads", "1"]
    small = ["--streams", "4", "--steps", "20", "--hidden", "24", "--embedding", "12", "--epochs", "4"]
    assert main([*words, *small, "--tokenizer", "bpe-reviews", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    loaded = TokenLanguage.load(out)
    held = TEXT[-round(0.1 * len(TEXT)) :]
    ids = loaded.encode(held)
    assert told["nats"] == pytest.approx(loaded.model.nats(ids), abs=1e-6)
    assert told["bits_a_character"] == pytest.approx(told["bits"] * (len(ids) - 1) / (len(held) - 1))
    assert told["nats"] < 0.8 * torch.tensor(float(loaded.tokenizer.vocab_size)).log()
    ask = ["recurrent", "generate", "the red", "--model", str(out), "--length", "8", "--temperature", "0"]
    assert main([*ask, "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["text"]
    assert written == "".join(loaded.generate("the red", 8, SamplingSettings(temperature=0)))


def test_bad_input_is_refused(tmp_path: Path) -> None:
    made = language()
    with pytest.raises(FormatError, match="273 tokens, the model 281 symbols"):
        TokenLanguage(LanguageModel(LanguageSettings(symbols=281)), made.tokenizer)
    with pytest.raises(DataError, match="holds no token"):
        list(made.generate("", 3, SamplingSettings()))
    with pytest.raises(UsageError, match="two or more distinct symbols, not 1"):
        LanguageSettings(symbols=1)
