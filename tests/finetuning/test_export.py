"""Exports: other tools load them as they are and give the same answers; what differs is not written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.finetuning.tiny_model import reviews, write_tiny_classifier
from torch import nn

from cutaway.cli.main import main
from cutaway.core.errors import FormatError, ResourceError, UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.export.exporting import export
from cutaway.finetuning.export.onnx_file import write_onnx
from cutaway.finetuning.graph_classifier import open_graph, run_graph
from cutaway.finetuning.inputs import rows_of
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.transformers.bert import Bert
from cutaway.transformers.packing import PackedBatch

TEXTS = reviews(24, longest=12)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_classifier(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return Classifier.load(run)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("batch", [1, 8])
def test_transformers_pipeline_gives_the_same_answers(
    classifier: Classifier, tmp_path: Path, batch: int
) -> None:
    from transformers import pipeline

    export(classifier, "hf", tmp_path / "out")
    classify = pipeline("text-classification", model=str(tmp_path / "out"), top_k=None)
    wanted = classifier.predict(TEXTS)
    for scores, row in zip(
        classify(TEXTS, batch_size=batch, truncation=True), wanted.probabilities, strict=True
    ):
        got = {score["label"]: score["score"] for score in scores}
        assert max(abs(got[name] - p) for name, p in zip(wanted.classes, row, strict=True)) < 1e-5


def test_the_mean_block_keeps_scores_of_any_size(classifier: Classifier) -> None:
    from cutaway.finetuning.export.hugging_face import with_mean_block

    rows = rows_of(classifier.tokenizer, TEXTS, classifier.settings.inputs)[:]
    batch = PackedBatch.from_rows(rows)
    for scale in (1e-3, 1.0, 5.0):
        with torch.no_grad():
            kept = classifier.head.weight.clone()
            classifier.head.weight.mul_(scale)
            wanted, got = classifier(batch), with_mean_block(classifier)(batch)
            classifier.head.weight.copy_(kept)
        assert (got - wanted).abs().max() < 1e-5 * max(1.0, float(wanted.abs().max()))


def test_too_many_classes_for_the_mean_block_are_told(tmp_path: Path) -> None:
    classes = tuple(f"class {at}" for at in range(8))
    classifier = Classifier.load(write_tiny_classifier(tmp_path, classes=classes))
    with pytest.raises(UsageError, match="8 classes need 18 numbers in a vector, the encoder has 16"):
        export(classifier, "hf", tmp_path / "out")


def test_onnx_equals_predict_at_any_batch_and_length(classifier: Classifier, tmp_path: Path) -> None:
    agreement = export(classifier, "onnx", tmp_path / "out")
    assert agreement is not None
    assert agreement.most < 1e-5
    session = open_graph(tmp_path / "out" / "model.onnx")
    rows = rows_of(classifier.tokenizer, TEXTS, classifier.settings.inputs)[:]
    wanted = classifier.predict(TEXTS).probabilities
    for count in (1, 5, 24):
        assert np.abs(run_graph(session, rows[:count]) - wanted[:count]).max() < 1e-5
    assert Tokenizer.load(tmp_path / "out" / "tokenizer.json").encode(TEXTS[0]).ids == rows[0].tolist()


def test_an_onnx_graph_that_differs_is_not_written(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cutaway.finetuning.export import graph

    plain = graph.GraphWriter.linear

    def wrong(self: graph.GraphWriter, x: str, layer: nn.Linear, name: str) -> str:
        if name == "block.1.down":
            layer = nn.Linear(layer.in_features, layer.out_features)
        return plain(self, x, layer, name)

    monkeypatch.setattr(graph.GraphWriter, "linear", wrong)
    with pytest.raises(
        FormatError, match=r"differ from PyTorch's by up to 0\.\d+ \(1 x 5: .*nothing is written"
    ):
        export(classifier, "onnx", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_int8_is_smaller_near_and_measured(classifier: Classifier, tmp_path: Path) -> None:
    labels = classifier.predict(TEXTS).labels
    labelled = Labelled(texts=TEXTS, labels=labels, source="its own answers")
    agreement = export(classifier, "onnx-int8", tmp_path / "out", labelled=labelled)
    assert agreement is not None
    assert 0 < agreement.most < 0.5
    assert (agreement.accuracy, agreement.texts) == (1.0, 24)
    session = open_graph(tmp_path / "out" / "model.onnx")
    rows = rows_of(classifier.tokenizer, TEXTS, classifier.settings.inputs)[:]
    answers = np.concatenate([run_graph(session, rows[:16]), run_graph(session, rows[16:])])
    classes = classifier.settings.labels
    right = np.mean([classes[at] == label for at, label in zip(answers.argmax(1), labels, strict=True)])
    assert agreement.exported == right > 0.5
    assert (
        f"accuracy on 24 texts: 100.00% in PyTorch, {right:.2%} exported"
        in (tmp_path / "out" / "README.md").read_text()
    )
    assert b"MatMulInteger" in (tmp_path / "out" / "model.onnx").read_bytes()


def test_merged_weights_are_the_encoder_and_the_head(classifier: Classifier, tmp_path: Path) -> None:
    export(classifier, "merged", tmp_path / "out")
    encoder, head = Bert.load(tmp_path / "out"), load_file(tmp_path / "out" / "head.safetensors")
    rows = rows_of(Tokenizer.load(tmp_path / "out"), TEXTS, classifier.settings.inputs)[:]
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        logits = batch.mean(encoder(batch)) @ head["weight"].T + head["bias"]
    got = logits.softmax(-1).numpy()
    assert np.abs(got - classifier.predict(TEXTS).probabilities).max() < 1e-5


def test_the_card_tells_what_it_is(classifier: Classifier, tmp_path: Path) -> None:
    export(classifier, "hf", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\npipeline_tag: text-classification\n")
    for told in (
        "bad, good, mixed",
        "48 tokens",
        "head+tail",
        "exported as hf",
        'pipeline("text-classification"',
    ):
        assert told in card
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "bad", "1": "good", "2": "mixed"}


def test_no_room_is_told_before_anything_is_written(classifier: Classifier, tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        with pytest.raises(ResourceError, match=r"has room for 0\.0 MB, the weights take 0\.0 MB: free some"):
            export(classifier, "hf", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_the_command_says_what_it_wrote(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(run), "--format", "onnx", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == ["README.md", "config.json", "model.onnx", "tokenizer.json"]
    assert told["most_off"] < 1e-5
    assert main(["export", str(run), "--format", "onnx-int8", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "differ from PyTorch's by at most" in shown.out
    assert "--data names labelled texts" in shown.err
    (tmp_path / "data.csv").write_text(
        "text,label\n" + "".join(f"{text},good\n{text} x,bad\n" for text in TEXTS)
    )
    words = ["--format", "onnx", "--out", str(out), "--data", str(tmp_path / "data.csv")]
    assert main(["export", str(run), *words]) == 0
    assert "accuracy on 48 texts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--format", "gguf", "--out", "out"], 2, "choose one of hf, onnx, onnx-int8, merged"),
        (["--out", "full"], 2, "full is not empty and holds no export"),
        (["--out", "/proc/no"], 4, "cannot write /proc/no/README.md"),
        (["--out", "file"], 4, "cannot write file/README.md"),
    ],
)
def test_bad_options_have_their_line(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    assert main(["export", str(run), *words]) == code
    told = capsys.readouterr().err
    assert told.startswith("cutaway: ")
    assert said in told


def test_without_the_packages_the_extra_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else object())
    assert main(["export", str(run), "--format", "onnx", "--out", str(tmp_path / "out")]) == 1
    assert 'needs onnxruntime: pip install "cutaway[onnx]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_graph_is_not_written_for_other_kinds_of_block(classifier: Classifier, tmp_path: Path) -> None:
    block = classifier.encoder.config.block
    object.__setattr__(block, "order", "pre")
    try:
        with pytest.raises(UsageError, match="order pre"):
            write_onnx(classifier, tmp_path / "model.onnx", numbers="float32")
    finally:
        object.__setattr__(block, "order", "post")
    assert list(tmp_path.iterdir()) == []
