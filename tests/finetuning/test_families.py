"""Fine-tuning takes every family of encoders: what is trained answers as `transformers` does with its weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.finetuning.tiny_encoder import BAD, GOOD, write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.export.exporting import export
from cutaway.finetuning.graph_classifier import open_graph, run_graph
from cutaway.finetuning.inputs import rows_of
from cutaway.tokenization.tokenizer import Tokenizer

TEXTS = ["great film", "hated it, so boring and dull", "very " * 90]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def write_distilbert(folder: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    tokenizer = Tokenizer.train([*GOOD, *BAD] * 5, model="wordpiece", vocab_size=200)
    config = DistilBertConfig(
        vocab_size=tokenizer.vocab_size,
        dim=16,
        hidden_dim=32,
        n_layers=2,
        n_heads=2,
        max_position_embeddings=64,
    )
    DistilBertModel(config).save_pretrained(folder)
    tokenizer.save(folder / "tokenizer.json")


def write_roberta(folder: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer, processors

    from transformers import RobertaConfig, RobertaModel

    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator([*GOOD, *BAD] * 5, vocab_size=300, special_tokens=special)
    tokenizer._tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    config = RobertaConfig(
        **SIZES,
        vocab_size=tokenizer.get_vocab_size(),
        intermediate_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
    )
    RobertaModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module", params=[("distilbert", "lora"), ("roberta", "lora"), ("roberta", "full")])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family, method = request.param
    folder = tmp_path_factory.mktemp(family)
    torch.manual_seed(0)
    {"distilbert": write_distilbert, "roberta": write_roberta}[family](folder / "base")
    table = write_table(folder / "reviews.csv")
    options = ["--model", str(folder / "base"), "--method", method, "--rate", "1e-2", "--epochs", "2"]
    assert main(["finetune", table, *options, "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_answers_are_those_of_the_reference_over_the_merged_weights(run: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    classifier = Classifier.load(run)
    export(classifier, "merged", tmp_path)
    reference, head = AutoModel.from_pretrained(tmp_path).eval(), load_file(tmp_path / "head.safetensors")
    assert reference.config.model_type == classifier.encoder.family
    rows = rows_of(classifier.tokenizer, TEXTS, classifier.settings.inputs)
    for row, ours in zip(rows, classifier.predict(TEXTS).probabilities, strict=True):
        with torch.no_grad():
            mean = reference(torch.from_numpy(row)[None]).last_hidden_state[0].mean(0)
        wanted = (head["weight"] @ mean + head["bias"]).softmax(-1).numpy()
        assert np.abs(ours - wanted).max() < 1e-5
    assert (
        np.abs(
            classifier.trace(TEXTS[1])["probabilities"] - classifier.predict(TEXTS[1:2]).probabilities[0]
        ).max()
        < 1e-5
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_exported_folder_answers_in_a_stock_pipeline(run: Path, tmp_path: Path) -> None:
    from transformers import pipeline

    classifier = Classifier.load(run)
    export(classifier, "hf", tmp_path)
    classify = pipeline("text-classification", model=str(tmp_path), top_k=None)
    texts = TEXTS[:2]
    for scores, row in zip(
        classify(texts, batch_size=2), classifier.predict(texts).probabilities, strict=True
    ):
        got = {score["label"]: score["score"] for score in scores}
        assert [got[name] for name in classifier.settings.labels] == pytest.approx(row.tolist(), abs=1e-5)


def test_the_graph_answers_as_the_model(run: Path, tmp_path: Path) -> None:
    classifier = Classifier.load(run)
    export(classifier, "onnx", tmp_path)
    rows = rows_of(classifier.tokenizer, TEXTS, classifier.settings.inputs)[:]
    answers = run_graph(open_graph(tmp_path / "model.onnx"), rows)
    assert np.abs(answers - classifier.predict(TEXTS).probabilities).max() < 1e-5


def test_no_more_is_read_than_the_model_has_positions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = write_tiny_encoder(tmp_path / "base")  # 64 positions; a training reads 256 tokens by default
    rows = [f"{'great ' * (60 + at)},good\n{'awful ' * (60 + at)},bad\n" for at in range(20)]
    (tmp_path / "long.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    options = ["--model", encoder, "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(["finetune", str(tmp_path / "long.csv"), *options]) == 0
    assert "read of a text: 62 tokens at most;" in capsys.readouterr().err
    for name, path in (("settings.json", ("settings", "inputs")), ("config.json", ("inputs",))):
        told = json.loads((tmp_path / "run" / name).read_text(encoding="utf-8"))
        for key in path:
            told = told[key]
        assert told["max_tokens"] == 64
    classifier = Classifier.load(tmp_path / "run")
    assert classifier.predict(["great " * 500]).probabilities.shape == (1, 2)
    agreement = export(classifier, "onnx", tmp_path / "onnx")
    assert agreement is not None
    assert agreement.most < 1e-5
