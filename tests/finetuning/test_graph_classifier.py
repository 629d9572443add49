"""An exported graph answers texts by itself: as the classifier, without PyTorch, and never from a changed file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.finetuning.tiny_model import reviews, write_tiny_classifier

from cutaway.cli.main import main
from cutaway.core.errors import ChecksumError, FormatError, MissingFileError, UsageError
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.export.exporting import export
from cutaway.finetuning.graph_classifier import CONFIG, GRAPH, TOKENIZER, GraphClassifier, find_graph

TEXTS = reviews(40, longest=60)  # more than one batch, some longer than the 48 tokens that are read


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_tiny_classifier(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def exported(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export(classifier, "onnx", folder)
    return folder


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_it_answers_as_the_classifier(classifier: Classifier, exported: Path) -> None:
    ours, wanted = GraphClassifier.load(exported).predict(TEXTS, threshold=0.5), classifier.predict(TEXTS)
    assert np.abs(ours.probabilities - wanted.probabilities).max() < 1e-5
    assert (ours.classes, ours.precision) == (wanted.classes, "float32")
    assert ours.labels == classifier.predict(TEXTS, threshold=0.5).labels
    assert "abstain" in ours.labels


def test_rounded_weights_say_what_they_are(classifier: Classifier, tmp_path: Path) -> None:
    export(classifier, "onnx-int8", tmp_path)
    answers = GraphClassifier.load(tmp_path).predict(TEXTS)
    assert answers.precision == "int8"
    assert 0 < np.abs(answers.probabilities - classifier.predict(TEXTS).probabilities).max() < 0.5


def test_the_command_answers_without_torch(classifier: Classifier, exported: Path) -> None:
    code = (
        "import sys\nfrom cutaway.cli.main import main\n"
        f"code = main(['predict', {str(exported)!r}, {TEXTS[0]!r}, {TEXTS[1]!r}, '--json'])\n"
        "loaded = sorted({'torch', 'numba', 'transformers'} & set(sys.modules))\nprint([code, loaded])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows, told = (json.loads(line) for line in done.stdout.splitlines())
    assert told == [0, []]
    wanted = classifier.predict(TEXTS[:2])
    assert [row["label"] for row in rows] == wanted.labels
    for row, chances in zip(rows, wanted.probabilities, strict=True):
        assert [row["probabilities"][name] for name in wanted.classes] == pytest.approx(chances, abs=1e-5)


def test_a_graph_is_found_by_the_name_of_its_run_folder(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTAWAY_RUNS", str(tmp_path))
    assert find_graph("mine") is None
    shutil.copytree(exported, tmp_path / "mine")
    assert find_graph("mine") == tmp_path / "mine"
    assert find_graph("sentiment") is None


@pytest.mark.parametrize("at", [10, -10])
def test_a_changed_graph_is_not_run(copy: Path, at: int) -> None:
    graph = bytearray((copy / GRAPH).read_bytes())
    graph[at] ^= 1
    (copy / GRAPH).write_bytes(graph)
    with pytest.raises(ChecksumError, match=r"its config says .*: the file was damaged or replaced, export"):
        GraphClassifier.load(copy)


def test_a_graph_of_another_export_is_not_run(copy: Path, tmp_path: Path) -> None:
    other = Classifier.load(write_tiny_classifier(tmp_path / "other", classes=("no", "yes")))
    export(other, "onnx", tmp_path / "newer")
    shutil.copy(tmp_path / "newer" / GRAPH, copy / GRAPH)
    with pytest.raises(ChecksumError, match="damaged or replaced"):
        GraphClassifier.load(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "cutaway-classifier/1"}, "does not describe a cutaway-onnx/1 graph"),
        ({"numbers": "int4"}, "does not describe a cutaway-onnx/1 graph"),
        ({"labels": None}, "does not describe a cutaway-onnx/1 graph"),
        ({"inputs": {"max_tokens": 48, "more": 1}}, "unexpected keyword argument 'more'"),
    ],
)
def test_an_odd_config_is_named(copy: Path, change: dict[str, object], said: str) -> None:
    told = json.loads((copy / CONFIG).read_text(encoding="utf-8"))
    (copy / CONFIG).write_text(json.dumps({**told, **change}), encoding="utf-8")
    with pytest.raises(FormatError, match=said):
        GraphClassifier.load(copy)


@pytest.mark.parametrize("name", [GRAPH, CONFIG, TOKENIZER])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(MissingFileError, match=f"it lacks {name}"):
        GraphClassifier.load(copy)


def test_what_a_graph_cannot_do_is_told(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--explain"], ["--nearest", "imdb"], ["--precision", "bfloat16"]):
        assert main(["predict", str(copy), "a text", *more]) == UsageError.exit_code
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["predict", str(copy), "--input", "a.csv", "--output", "b.csv"]) == UsageError.exit_code
    assert "is an ONNX graph: for --input, --explain and --nearest name the run" in capsys.readouterr().err
    assert main(["predict", str(copy), " "]) == 1
    assert "text 1 of 1 is empty" in capsys.readouterr().err
    config = json.loads((copy / CONFIG).read_text(encoding="utf-8"))
    (copy / GRAPH).write_bytes(b"no graph")
    from cutaway.core.files import sha256_of

    (copy / CONFIG).write_text(json.dumps({**config, "sha256": sha256_of(copy / GRAPH)}), encoding="utf-8")
    assert main(["predict", str(copy), "a text"]) == 1
    assert "is not a readable graph" in capsys.readouterr().err
