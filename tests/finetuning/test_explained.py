"""Why a label: attributions sum to the lead they explain, and the nearest texts are the nearest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.finetuning.tiny_model import reviews, write_tiny_classifier

from cutaway.cli.main import main
from cutaway.core.errors import UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.explained import nearest
from cutaway.finetuning.inputs import rows_of
from cutaway.transformers.packing import PackedBatch

TEXT = "a great film but the plot is dull"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_classifier(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return Classifier.load(run)


@pytest.mark.parametrize("label", [None, "bad", "good", "mixed"])
def test_attributions_sum_to_the_lead(classifier: Classifier, label: str | None) -> None:
    trace = classifier.explain(TEXT, label=label)
    row = rows_of(classifier.tokenizer, [TEXT], classifier.settings.inputs)[0]
    with torch.no_grad():
        logits = dict(
            zip(classifier.settings.labels, classifier(PackedBatch.from_rows([row]))[0].tolist(), strict=True)
        )
    wanted = label or max(logits, key=lambda name: logits[name])
    rival = max((name for name in logits if name != wanted), key=lambda name: logits[name])
    assert (trace.facts["label"], trace.facts["against"]) == (wanted, rival)
    assert float(trace["answer"]) == pytest.approx(logits[wanted] - logits[rival], abs=1e-4)
    lead = float(trace["answer"]) - float(trace["baseline_answer"])
    assert float(trace["attribution"].sum()) == pytest.approx(lead, abs=0.011 * abs(lead) + 1e-4)
    assert len(trace["attribution"]) == len(row)


def test_the_nearest_are_those_of_largest_cosine(classifier: Classifier) -> None:
    texts = [*reviews(40), TEXT]
    labelled = Labelled(texts=texts, labels=["x"] * 40 + ["y"], source="made")
    found = nearest(classifier, TEXT, labelled, topn=4)
    rows = rows_of(classifier.tokenizer, texts, classifier.settings.inputs)[:]
    batch = PackedBatch.from_rows(rows)
    with torch.no_grad():
        pooled = batch.mean(classifier.encoder(batch)).numpy()
    cosines = pooled @ pooled[40] / np.linalg.norm(pooled, axis=1) / np.linalg.norm(pooled[40])
    assert [one.row for one in found] == np.argsort(-cosines, kind="stable")[:4].tolist()
    assert (found[0].row, found[0].label, found[0].text) == (40, "y", TEXT)
    assert np.abs([one.similarity - cosines[one.row] for one in found]).max() < 1e-5


def test_what_is_not_there_is_told(classifier: Classifier) -> None:
    with pytest.raises(UsageError, match="no label 'nice'"):
        classifier.explain(TEXT, label="nice")
    with pytest.raises(UsageError, match="topn is 0"):
        nearest(classifier, TEXT, Labelled(texts=[TEXT], labels=["x"], source="made"), topn=0)


def test_the_command_shows_tokens_and_neighbors(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "data.csv"
    table.write_text(
        "text,label\n" + "".join(f"{text},{'ab'[at % 2]}\n" for at, text in enumerate(reviews(12)))
    )
    assert main(["predict", str(run), TEXT, "--explain", "--nearest", str(table), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert len(told["nearest"]) == 5
    assert told["tokens"][0]["token"] == "[CLS]"
    assert main(["predict", str(run), TEXT, "--explain", "--nearest", str(table)]) == 0
    shown = capsys.readouterr().out
    assert f"what each token adds to {told['label']} over {told['against']}" in shown
    assert f"row {told['nearest'][0]['row'] + 1}, {told['nearest'][0]['label']}, cosine" in shown
