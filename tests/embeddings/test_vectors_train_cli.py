"""`cutaway vectors train|evaluate`: a corpus in, vectors that load out; bad input in one line."""

from __future__ import annotations

import gzip
import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutaway.cli import output
from cutaway.cli.main import main
from cutaway.embeddings.subword_vectors import SubwordVectors
from cutaway.embeddings.vectors import WordVectors

LINES = "the king rules the land\nthe queen rules the land\na man eats bread\na woman eats bread\n" * 40


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text(LINES)
    return str(path)


def test_trained_vectors_load(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "vectors.vec")
    assert main(["vectors", "train", corpus, "--out", out, "--dim", "16", "--epochs", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    table = WordVectors.load(out)
    assert (told["words"], told["dim"]) == (len(table), table.dim) == (10, 16)
    assert not Path(out + ".state").exists()


def test_subwords_are_kept_in_a_binary_file(corpus: str, tmp_path: Path) -> None:
    out = str(tmp_path / "vectors.bin")
    assert main(["vectors", "train", corpus, "--out", out, "--subwords", "--epochs", "1"]) == 0
    loaded = WordVectors.load(out)
    assert isinstance(loaded, SubwordVectors)
    assert len(loaded["kingdom"]) == 100  # a word that the corpus does not have


@pytest.mark.parametrize("model", ["glove", "ppmi"])
def test_models_of_counts_are_trained(
    model: str, corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "vectors.safetensors")
    command = ["vectors", "train", corpus, "--out", out, "--model", model, "--dim", "4"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["words"], told["dim"]) == (WordVectors.load(out).vectors.shape) == (10, 4)
    assert ("cells_per_second" in told) == (model == "glove")
    assert not Path(out + ".state").exists()
    assert main(command) == 0
    assert "10 words × 4 dimensions" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("model", ["skip-gram", "cbow", "glove", "ppmi"])
def test_a_column_of_parquet_and_the_most_frequent_words(model: str, tmp_path: Path) -> None:
    texts = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"body": LINES.splitlines()}), texts)
    out = tmp_path / "vectors.txt"
    command = ["vectors", "train", str(texts), "--out", str(out), "--model", model, "--dim", "2"]
    assert main([*command, "--column", "body", "--max-words", "4"]) == 0
    assert list(WordVectors.load(out)) == ["the", "rules", "land", "a"]  # equally frequent as they appeared
    assert main(command) == 1  # there is no column "text"


def test_two_threads_repeat_themselves_on_request(corpus: str, tmp_path: Path) -> None:
    made = [tmp_path / f"{name}.txt" for name in "ab"]
    for out in made:
        command = ["vectors", "train", corpus, "--out", str(out), "--dim", "8", "--threads", "2"]
        assert main([*command, "--schedule", "repeatable"]) == 0
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("model", ["skip-gram", "glove"])
def test_a_signal_leaves_a_training_that_goes_on(
    number: signal.Signals, model: str, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "vectors.txt"
    command = ["vectors", "train", corpus, "--out", str(out), "--dim", "4", "--model", model]
    command += ["--epochs", "30"]
    assert main(command) == 0
    whole = out.read_bytes()
    out.unlink()
    heard = []

    class Bars:
        """A progress display that a signal strikes."""

        def __enter__(self) -> Bars:
            return self

        def __exit__(self, *error: object) -> None: ...

        def add_task(self, *what: object, **told: object) -> int:
            return 0

        def update(self, *what: object, **told: object) -> None:
            heard.append(told)
            if len(heard) == 3:
                os.kill(os.getpid(), number)

    monkeypatch.setattr(output, "progress", Bars)
    assert main(command) == 128 + number
    assert not out.exists()
    assert Path(f"{out}.state").exists()
    assert main(command) == 0
    assert out.read_bytes() == whole
    assert not Path(f"{out}.state").exists()


def test_bytes_that_are_not_utf8_are_refused_or_replaced(tmp_path: Path) -> None:
    odd = tmp_path / "odd.txt"
    odd.write_bytes(b"caf\xe9 bar\n" * 20)
    with gzip.open(tmp_path / "odd.gz", "wb") as file:
        file.write(odd.read_bytes())
    out = tmp_path / "vectors.txt"
    for source in (odd, tmp_path / "odd.gz"):
        command = ["vectors", "train", str(source), "--out", str(out), "--dim", "2", "--epochs", "1"]
        assert main(command) == 1
        assert main([*command, "--undecodable", "replace"]) == 0
        assert list(WordVectors.load(out)) == ["caf", "bar"]


def test_evaluation_is_printed_with_its_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "small.txt"
    table.write_text("cat 1 0\ndog 1 0.2\ncar 0 1\nbus 0.1 1\n")
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("cat\tdog\t9\ncar\tbus\t8\ncat\tcar\t1\ndog\tbus\t2\nno\tcat\t5\n")
    analogies = tmp_path / "analogies.txt"
    analogies.write_text(": all\ncat dog car bus\n")
    command = ["vectors", "evaluate", "--pairs", str(pairs), "--analogies", str(analogies)]
    assert main([*command, "--vectors", str(table), "--json"]) == 0
    rated, answered = json.loads(capsys.readouterr().out)["results"]
    assert (rated["used"], rated["total"], rated["spearman"]) == (4, 5, pytest.approx(0.8))
    assert (answered["used"], answered["accuracy"]) == (1, 1.0)
    assert main([*command, "--vectors", str(table)]) == 0
    assert "4 of 5" in capsys.readouterr().out


def test_convert_takes_a_format_and_words_that_are_not_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "odd.txt", str(tmp_path / "odd.bin")
    source.write_bytes(b"caf\xe9 1 0\nbar 0 1\n")
    assert main(["vectors", "convert", str(source), target]) == 1
    assert "UTF-8" in capsys.readouterr().err
    options = ["--undecodable", "replace", "--layout", "fasttext-binary"]
    assert main(["vectors", "convert", str(source), target, *options]) == 0
    assert list(WordVectors.load(target)) == ["caf\ufffd", "bar"]
    assert main(["vectors", "convert", str(source), target, "--layout", "pickle"]) == 2
    assert main(["vectors", "convert", str(source), target, "--undecodable", "drop"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "CORPUS", "--out", "x.xyz"], 2, "cannot tell a format from 'x.xyz'"),
        (["train", "CORPUS", "--out", "x.vec", "--model", "nope"], 2, "skip-gram, cbow, glove or ppmi"),
        (["train", "CORPUS", "--out", "x.vec", "--model", "ppmi", "--epochs", "3"], 2, "without --epochs"),
        (
            ["train", "CORPUS", "--out", "x.vec", "--model", "glove", "--subwords"],
            2,
            "skip-gram and cbow only",
        ),
        (["train", "CORPUS", "--out", "x.vec", "--schedule", "mixed"], 2, "schedule is 'mixed'"),
        (["train", "CORPUS", "--out", "x.vec", "--max-words", "0"], 2, "max_words is 0"),
        (["train", "CORPUS", "--out", "x.vec", "--model", "glove", "--memory", "0"], 2, "memory is 0"),
        (["train", "CORPUS", "--out", "x.vec", "--model", "ppmi", "--max-words", "0"], 2, "max_words is 0"),
        (["train", "CORPUS", "--out", "x.vec", "--min-count", "999"], 1, "no word occurs 999 times or more"),
        (["train", "CORPUS", "--out", "/proc/nowhere/x.vec"], 4, "cannot write /proc/nowhere/x.vec"),
        (["train", "CORPUS", "--out", "x.vec", "--undecodable", "drop"], 2, "undecodable is 'drop'"),
        (["train", "/nowhere", "--out", "x.vec"], 1, "there is no file or folder /nowhere"),
        (["evaluate"], 2, "nothing to evaluate"),
        (["evaluate", "--pairs", "/nowhere"], 1, "there is no file /nowhere"),
    ],
)
def test_refusals_are_one_line(
    words: list[str], code: int, said: str, corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vectors", *(corpus if word == "CORPUS" else word for word in words)]) == code
    assert said in capsys.readouterr().err
