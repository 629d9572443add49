"""`cutaway attend --explain` and --html: the model's own answer, taken apart; the page holds the traces' numbers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.transformers.conftest import _reference
from tests.transformers.hub_checkpoints import BYTES, NAMES, make

import cutaway
from cutaway.cli.main import main
from cutaway.finetuning.asking import ask, open_model
from cutaway.finetuning.classifier import Classifier
from cutaway.transformers.ablation import Part, ablate
from cutaway.transformers.explanation import explain
from cutaway.transformers.page.page import MEASURES, Heading, attention_page
from cutaway.transformers.rollout import rollout

TEXT = "The film was not bad"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Small checkpoints of the hub's five kinds in folders, and the reference's models of the same weights."""
    path = tmp_path_factory.mktemp("bytes") / "tokenizer.json"
    texts = ["a good film kept me awake", "a bad film kept me"] * 3
    cutaway.Tokenizer.train(texts, model="bpe", vocab_size=BYTES - 10).save(str(path))
    found = {}
    for name in NAMES:
        made, folder = make(name, _reference(), path.read_bytes()), tmp_path_factory.mktemp(name)
        for file, content in made.files.items():
            (folder / file).write_bytes(content)
        found[name] = (folder, made.model)
    return found


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["attend", *words, "--explain", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_label_is_the_classifiers_and_its_parts_sum_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, TEXT)
    classifier = Classifier.load("sentiment")
    logits = classifier.trace(TEXT)["logits"]
    expected = classifier.predict([TEXT])
    assert found["likeliest"][0]["answer"] == expected.labels[0]
    assert found["likeliest"][0]["probability"] == pytest.approx(expected.probabilities.max(), abs=1e-5)
    assert found["answer"] == pytest.approx(float(abs(logits[0] - logits[1])), abs=1e-4)
    assert sum(part["contribution"] for part in found["parts"]) == pytest.approx(found["answer"], abs=1e-4)
    assert [abs(part["contribution"]) for part in found["parts"]] == sorted(
        (abs(part["contribution"]) for part in found["parts"]), reverse=True
    )
    rise = found["answer"] - found["baseline_answer"]
    assert sum(found["integrated_gradients"]) == pytest.approx(rise, abs=0.01 * abs(rise))


def test_the_change_without_a_head_is_the_ablated_models(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, TEXT)
    question = ask(open_model("sentiment"), TEXT).question
    heads = [part for part in found["parts"] if part["head"] is not None][:3]
    for part in heads:
        without = ablate(question, [Part(kind="head", layer=part["layer"], head=part["head"])])
        assert part["change_without"] == pytest.approx(without - found["answer"], abs=1e-4)


def test_a_named_label_is_explained_instead(capsys: pytest.CaptureFixture[str]) -> None:
    likeliest = told(capsys, TEXT)
    other = told(capsys, TEXT, "--answer", likeliest["likeliest"][1]["answer"])
    assert other["answer"] == pytest.approx(-likeliest["answer"], abs=1e-5)


@pytest.mark.parametrize("name", ["bert-base-uncased", "distilbert-base-uncased"])
def test_the_word_behind_a_mask_is_the_references(
    folders: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder, model = folders[name]
    found = told(capsys, "a good [MASK] .", "--model", str(folder))
    assert found["tokens"] == ["[CLS]", "a", "good", "[MASK]", ".", "[SEP]"]
    with torch.no_grad():
        answer = model(torch.tensor([[2, 5, 6, 4, 12, 3]]))
    logits = (answer.prediction_logits if name == "bert-base-uncased" else answer.logits)[0, 3]
    assert found["answer"] == pytest.approx(float(logits.max()), abs=1e-4)
    assert found["likeliest"][0]["probability"] == pytest.approx(float(logits.softmax(-1).max()), abs=1e-4)
    assert found["sum_of_parts"] == pytest.approx(found["answer"], abs=1e-4)
    named = told(capsys, "a good [MASK] .", "--model", str(folder), "--answer", "film")
    assert named["explained"] == "logit of “film”"
    assert named["answer"] == pytest.approx(float(logits[8]), abs=1e-4)


def test_a_checkpoints_own_label_is_the_references(
    folders: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, model = folders["distilbert-base-uncased-finetuned-sst-2-english"]
    found = told(capsys, "a good film", "--model", str(folder))
    with torch.no_grad():
        logits = model(torch.tensor([[2, 5, 6, 8, 3]])).logits[0]
    assert found["answer"] == pytest.approx(float((logits[0] - logits[1]).abs()), abs=1e-4)
    assert found["sum_of_parts"] == pytest.approx(found["answer"], abs=1e-4)
    assert {one["answer"] for one in found["likeliest"]} == {"NEGATIVE", "POSITIVE"}


def test_the_next_word_is_the_references(
    folders: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, model = folders["gpt2"]
    found = told(capsys, "a good film", "--model", str(folder))
    ids = cutaway.Tokenizer.load(folder).encode("a good film").ids
    with torch.no_grad():
        logits = model(torch.tensor([list(ids)])).logits[0, -1]
    assert found["answer"] == pytest.approx(float(logits.max()), abs=1e-4)
    assert found["sum_of_parts"] == pytest.approx(found["answer"], abs=1e-4)


def test_every_family_attends(
    folders: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, _ in folders.values():
        assert main(["attend", "a good film", "--model", str(folder), "--json", "--top", "9"]) == 0
        assert len(json.loads(capsys.readouterr().out)["heads"]) == 8


def test_the_terminal_shows_sum_ablation_and_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attend", "good [red]film[/red]", "--explain", "--top", "3"]) == 0
    printed = capsys.readouterr().out
    for line in ("The ledger:", "104 other parts", "sum", "Ablation:", "Tokens:", "is not an explanation"):
        assert line in printed
    assert "red" in printed


def test_the_page_holds_the_traces_numbers(folders: dict[str, tuple[Path, Any]]) -> None:
    opened = open_model(folders["distilbert-base-uncased-finetuned-sst-2-english"][0])
    text = 'a good </script><img src=x onerror=alert(1)> & "film"'
    asked = ask(opened, text)
    explained = explain(asked.question)
    page = attention_page(
        Heading(model="m", text=text, likeliest=asked.likeliest), explained.trace, explained
    )
    assert page.count("</script>") == 2
    assert "<img" not in page
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)
    assert script
    hashed = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    holder = re.search(r"id='data'>(.*?)</script>", page, re.DOTALL)
    assert holder
    data = json.loads(holder[1])
    assert data["text"] == text
    count = len(data["tokens"])
    for name, expected in (
        ("weights", explained.trace["weights"]),
        ("rollout", rollout(explained.trace)["rollout"]),
    ):
        packed = np.frombuffer(base64.b64decode(data[name]), "<u2") / 65535
        assert np.abs(packed.reshape(expected.shape) - expected).max() <= 0.5 / 65535 + 1e-7
        assert expected.shape[-1] == count
    assert tuple(data["measures"]) == MEASURES
    assert data["answer"]["value"] == explained.answer
    assert np.allclose(data["answer"]["wrote"]["heads"], explained.ledger["head_part"])
    assert np.allclose(data["answer"]["change"]["feed"], explained.without["feed_forward_change"])
    assert np.allclose(data["answer"]["tokens"]["slopes"], explained.slopes["attribution"])


def test_a_page_of_a_model_without_a_head_has_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "page.html"
    assert main(["attend", TEXT, "--model", "all-MiniLM-L6-v2", "--html", str(path)]) == 0
    assert '"answer": null' in path.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["attend", TEXT, "--html", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": str(path), "bytes": path.stat().st_size}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([TEXT, "--explain", "--model", "all-MiniLM-L6-v2"], 2, "has no head and answers nothing"),
        ([TEXT, "--answer", "great"], 2, "there is no label 'great': the model knows negative, positive"),
        ([TEXT, "--answer", ""], 2, "there is no label ''"),
        ([TEXT, "--explain", "--top", "0"], 2, "--top is 0"),
        (["", "--explain"], 1, "empty"),
        (["word " * 200, "--html", "never.html"], 2, "a page draws 96 tokens at most, this text has 202"),
        ([TEXT, "--explain", "--model", "lstm-sentiment"], 1, "does not describe"),
        ([TEXT, "--html", "/proc/no/page.html"], 4, "cannot write"),
    ],
)
def test_odd_questions_get_one_line_and_their_code(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert main(["attend", *words]) == code
    printed = capsys.readouterr()
    assert message in printed.err.splitlines()[-1]
    assert not printed.out


def test_a_word_model_without_a_mask_or_a_word_of_two_tokens_is_told(
    folders: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(folders["bert-base-uncased"][0]), "--explain"]
    assert main(["attend", "a good film", *model]) == 2
    assert "put [MASK] where one is to be guessed" in capsys.readouterr().err
    assert main(["attend", "a good [MASK]", *model, "--answer", "films"]) == 2
    assert "'films' is 2 tokens" in capsys.readouterr().err
