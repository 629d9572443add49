"""Checkpoints of the field that label texts are asked by the commands for runs, and answer as in `transformers`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.finetuning.test_families import write_distilbert, write_roberta
from tests.finetuning.tiny_encoder import write_table, write_tiny_encoder

from cutaway.cli.main import main
from cutaway.core.errors import FormatError, UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.export.exporting import export
from cutaway.finetuning.stock import StockClassifier

TEXTS = ["great film", "hated it, so boring and dull", "superb"]
LONG = "great film " * 90
HEADS = {
    "bert": "BertForSequenceClassification",
    "distilbert": "DistilBertForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
}


@pytest.fixture(scope="module", params=HEADS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers

    base = tmp_path_factory.mktemp("base")
    writers = {"bert": write_tiny_encoder, "distilbert": write_distilbert, "roberta": write_roberta}
    writers[request.param](base)
    torch.manual_seed(1)
    kind = getattr(transformers, HEADS[request.param])
    model = kind.from_pretrained(base, num_labels=3, id2label={0: "bad", 1: "good", 2: "mixed"})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    made = tmp_path_factory.mktemp("labels")
    model.save_pretrained(made)
    (made / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    return made


def test_answers_are_those_of_the_reference(folder: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    reference, ours = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        Classifier.load(folder),
    )
    answers = ours.predict([*TEXTS, LONG])
    assert answers.classes == ("bad", "good", "mixed")
    for text, chances in zip([*TEXTS, LONG], answers.probabilities, strict=True):
        ids = ours.tokenizer.encode(text).ids
        row = (
            [*ids[:63], ids[-1]] if len(ids) > 64 else ids
        )  # as the pipeline cuts: the head, and the end token
        with torch.no_grad():
            wanted = reference(torch.tensor([row])).logits[0].softmax(-1)
        assert chances == pytest.approx(wanted.numpy(), abs=1e-5)


def test_the_commands_take_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = Classifier.load(folder).predict(TEXTS)
    assert main(["predict", str(folder), *TEXTS, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in rows] == wanted.labels
    (tmp_path / "in.csv").write_text("text\n" + "".join(f'"{text}"\n' for text in TEXTS))
    source, target = str(tmp_path / "in.csv"), tmp_path / "out.csv"
    assert main(["predict", str(folder), "--input", source, "--output", str(target)]) == 0
    answered = [line.split(",")[-5:][0] for line in target.read_text().splitlines()[1:]]
    assert answered == wanted.labels
    capsys.readouterr()
    table = write_table(tmp_path / "reviews.csv")
    assert main(["evaluate", str(folder), table, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    right = [
        label == truth
        for line in Path(table).read_text().splitlines()[1:]
        for text, _, truth in [line.rpartition(",")]
        for label in Classifier.load(folder).predict([text]).labels
    ]
    assert told["accuracy"] == pytest.approx(sum(right) / len(right))


def test_what_it_cannot_do_is_told(folder: Path, tmp_path: Path) -> None:
    classifier = Classifier.load(folder)
    assert isinstance(classifier, StockClassifier)
    for ask in (classifier.trace, classifier.explain):
        with pytest.raises(UsageError, match="cutaway attend TEXT --explain --model"):
            ask("great film")
    for form in ("hf", "onnx", "merged"):
        with pytest.raises(UsageError, match="has the form that others load"):
            export(classifier, form, tmp_path / form)


def test_the_nearest_texts_are_by_what_its_head_sees(folder: Path) -> None:
    from cutaway.finetuning.data import Labelled
    from cutaway.finetuning.explained import nearest
    from cutaway.transformers.packing import PackedBatch
    from cutaway.transformers.tasks import SequenceLabels

    classifier, task = Classifier.load(folder), SequenceLabels.load(folder)
    vectors = []
    for text in TEXTS:
        batch = PackedBatch.from_rows([np.array(classifier.tokenizer.encode(text).ids)])
        with torch.no_grad():
            hidden = task.body(batch)
            first = task.body.pool(hidden, batch) if task.pooled else hidden[:1]
            seen = task.head.hidden(first)[0]
        vectors.append(seen / seen.norm())
    found = nearest(
        classifier, TEXTS[0], Labelled(texts=TEXTS, labels=["x", "y", "z"], source="three"), topn=3
    )
    for one in found:
        assert one.similarity == pytest.approx(float(vectors[0] @ vectors[one.row]), abs=1e-5)


def test_a_checkpoint_without_such_a_head_says_what_to_do(tmp_path: Path) -> None:
    encoder = write_tiny_encoder(tmp_path / "base")
    with pytest.raises(FormatError, match="no head that labels texts: fine-tune it, cutaway finetune DATA"):
        Classifier.load(encoder)
