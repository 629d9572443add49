"""Baselines: each against its formula or a peer, all against a task that they must solve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from tests.finetuning.tiny_model import write_tiny_classifier

from cutaway.cli.main import main
from cutaway.core.errors import DataError, UsageError
from cutaway.embeddings.ngrams import ngrams_of
from cutaway.finetuning.baselines.bag import Bag
from cutaway.finetuning.baselines.baseline import Baseline
from cutaway.finetuning.baselines.compare import NAMES, baselines, best_of, compare
from cutaway.finetuning.baselines.frozen import Frozen
from cutaway.finetuning.baselines.logistic import Logistic
from cutaway.finetuning.baselines.majority import Majority
from cutaway.finetuning.baselines.naive_bayes import NaiveBayes, log_ratio
from cutaway.finetuning.baselines.tfidf import TfIdf
from cutaway.finetuning.data import Labelled
from cutaway.finetuning.inputs import InputSettings
from cutaway.transformers.bert import Bert
from cutaway.transformers.packing import PackedBatch

RANDOM = np.random.default_rng(0)
FILLER = ["the", "a", "film", "was", "is", "it", "plot", "and", "but", "very", "so"]
SIGNS = {"bad": ["dull", "boring", "awful"], "good": ["great", "moving", "joy"], "odd": ["strange", "weird"]}


def labelled(count: int, *classes: str) -> Labelled:
    texts, labels = [], []
    for at in range(count):
        label = classes[at % len(classes)]
        words = [*RANDOM.choice(FILLER, 6), RANDOM.choice(SIGNS[label]), str(at)]
        texts.append(" ".join(RANDOM.permutation(words)))
        labels.append(label)
    return Labelled(texts=texts, labels=labels, source="made")


@pytest.mark.parametrize("classes", [("bad", "good"), ("bad", "good", "odd")])
@pytest.mark.parametrize("baseline", [TfIdf(), NaiveBayes(bits=18), Bag()], ids=lambda one: one.title)
def test_words_tell_the_class(baseline: Baseline, classes: tuple[str, ...]) -> None:
    training, held = labelled(300, *classes), labelled(60, *classes)
    (found,) = compare({"one": baseline}, training, held)
    assert found.accuracy > 0.95
    assert found.low <= found.accuracy <= found.high
    assert found.size > 100
    fitted = baseline.fit(training.texts, training.labels)
    probabilities = fitted.probabilities(held.texts)
    assert probabilities.shape == (60, len(classes))
    assert np.abs(probabilities.sum(1) - 1).max() < 1e-6
    assert [sorted(classes)[at] for at in probabilities.argmax(1)] == held.labels or found.accuracy < 1


def test_majority_answers_with_the_shares() -> None:
    training = Labelled(texts=["x"] * 10, labels=["b"] * 6 + ["a"] * 3 + ["c"], source="made")
    held = Labelled(texts=["y"] * 5, labels=list("babca"), source="made")
    (found,) = compare({"majority": Majority()}, training, held)
    assert found.accuracy == 2 / 5
    assert found.loss == pytest.approx(-np.mean(np.log([0.6, 0.3, 0.6, 0.1, 0.3])))


def test_tfidf_is_the_formula() -> None:
    texts = ["good good film!", "bad film", "don't see"]
    vectorizer = TfIdf().fit(texts, ["a", "b", "b"])._vectorizer
    assert {"good", "film", "good film", "film !", "don't", "!"} <= vectorizer.vocabulary_.keys()
    row = vectorizer.transform(["good good film!"]).toarray()[0]

    def idf(documents: int) -> float:
        return 1 + float(np.log(4 / (1 + documents)))

    weights = {"good": (1 + np.log(2)) * idf(1), "film": idf(2)}
    weights |= dict.fromkeys(("!", "good good", "good film", "film !"), idf(1))
    length = np.sqrt(sum(weight**2 for weight in weights.values()))
    for term, weight in weights.items():
        assert row[vectorizer.vocabulary_[term]] == pytest.approx(weight / length, abs=1e-6)


def test_log_ratio_is_the_papers_equation() -> None:
    features = sparse.csr_matrix(np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0]], np.float32))
    mine = np.array([True, False, False])
    p, q = np.array([2, 1, 2]), np.array([2, 3, 1])
    wanted = np.log((p / p.sum()) / (q / q.sum()))
    assert np.abs(log_ratio(features, mine, 1.0) - wanted).max() < 1e-6


def test_naive_bayes_equals_the_same_over_a_dictionary() -> None:
    data = labelled(120, "bad", "good")
    ours = NaiveBayes(bits=24, texts=1).fit(data.texts, data.labels)

    def words(text: str) -> list[str]:
        return [gram for gram, _ in ngrams_of(text, 3, 24)]

    counter = CountVectorizer(analyzer=words, binary=True, dtype=np.float32)
    features = counter.fit_transform(data.texts)
    mine = np.array(data.labels) == "good"
    ratio = log_ratio(features, mine, 1.0)
    rows = features.multiply(ratio).toarray()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    peer = LogisticRegression(C=100.0, solver="liblinear", dual=True, tol=1e-6, max_iter=5000).fit(rows, mine)
    assert np.abs(ours.probabilities(data.texts) - peer.predict_proba(rows)).max() < 0.02


def test_logistic_of_many_classes_equals_a_peer() -> None:
    features = RANDOM.standard_normal((90, 4))
    truth = np.arange(90) % 3
    features[np.arange(90), truth] += 2
    ours = Logistic(features, truth, 1.0)
    peer = LogisticRegression(C=1.0, max_iter=1000).fit(features, truth)
    assert np.abs(ours.probabilities(features) - peer.predict_proba(features)).max() < 1e-4
    assert ours.size == 8 * (3 * 4 + 3)


def test_the_frozen_encoder_is_embeddings_and_a_regression(tmp_path: Path) -> None:
    write_tiny_classifier(tmp_path)
    name, read = str(tmp_path / "base"), []
    data = labelled(80, "bad", "good")
    frozen = Frozen(model=name, inputs=InputSettings(max_tokens=32), told=read.append)
    fitted = frozen.fit(data.texts, data.labels)
    assert sum(read) == 80
    encoder, tokenizer = Bert.load(name), fitted._reader._tokenizer
    rows = [np.array(tokenizer.encode(text).ids) for text in data.texts]
    embedded = encoder.embed(PackedBatch.from_rows(rows)).detach().numpy()
    scaled = (embedded - embedded.mean(0)) / embedded.std(0)
    peer = LogisticRegression(C=0.1, max_iter=1000).fit(scaled, data.labels)
    assert np.abs(fitted.probabilities(data.texts) - peer.predict_proba(scaled)).max() < 1e-3
    assert fitted.size > 4 * 16 * 200


@pytest.mark.parametrize("baseline", [TfIdf(), NaiveBayes(bits=18)], ids=lambda one: one.title)
def test_texts_without_a_word_are_told(baseline: Baseline) -> None:
    with pytest.raises(DataError, match="none of 2 texts holds a word"):
        baseline.fit(["...", "--"], ["a", "b"])


@pytest.mark.parametrize(
    "baseline", [Majority(), TfIdf(), NaiveBayes(bits=18), Bag()], ids=lambda one: one.title
)
def test_one_class_is_told(baseline: Baseline) -> None:
    with pytest.raises(DataError, match=r"two|different"):
        baseline.fit(["a", "b"], ["x", "x"])


def test_names_of_baselines() -> None:
    assert list(baselines("all", model="all-MiniLM-L6-v2")) == ["majority", "tfidf", "nb", "bag", "frozen"]
    assert list(baselines("nb, majority", model="x")) == ["majority", "nb"]
    assert list(baselines("lstm,all", model="x")) == list(NAMES)
    with pytest.raises(UsageError, match="no baseline 'bert': choose among"):
        baselines("nb,bert", model="x")


def test_a_label_that_no_training_row_has_is_told() -> None:
    training = Labelled(texts=["a", "b"], labels=["x", "y"], source="made")
    with pytest.raises(DataError, match="held-out label 'z'"):
        compare({"majority": Majority()}, training, Labelled(texts=["a"], labels=["z"], source="made"))


def test_the_command_shows_a_table_and_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = labelled(200, "bad", "good")
    rows = [
        json.dumps({"text": text, "label": label})
        for text, label in zip(data.texts, data.labels, strict=True)
    ]
    Path("reviews.jsonl").write_text("\n".join(rows))
    assert (
        main(["finetune", "reviews.jsonl", "--baseline", "majority,tfidf,nb", "--json", "--held-out", "50"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["training"], told["held_out"]) == (150, 50)
    found = {one["name"]: one for one in told["baselines"]}
    assert found["majority"]["accuracy"] == 0.5
    assert found["nb"]["accuracy"] > 0.9
    assert told["best"] == max(found.values(), key=lambda one: (one["accuracy"], -one["size"]))["name"]
    assert main(["finetune", "reviews.jsonl", "--baseline", "majority,tfidf"]) == 0
    shown = capsys.readouterr().out
    assert "50.00%" in shown
    assert "TF-IDF" in shown
    assert "A fine-tuning is worth its cost" in shown
    assert main(["finetune", "reviews.jsonl", "--baseline", "svm"]) == 2
    assert "no baseline 'svm'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.jsonl"]


def test_of_equals_the_smallest_is_the_best() -> None:
    training = Labelled(texts=["x", "y"], labels=["a", "b"], source="made")
    held = Labelled(texts=["x"], labels=["a"], source="made")
    found = compare({"majority": Majority(), "nb": NaiveBayes(bits=10)}, training, held)
    assert [one.accuracy for one in found] == [1.0, 1.0]
    assert best_of(found).name == "majority"
