"""A file of texts answered: equal to `predict`, byte for byte what it was, and the same after any kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from tests.finetuning.tiny_model import reviews, write_tiny_classifier

from cutaway.cli.main import main
from cutaway.core.errors import DataError, ResourceError, UsageError
from cutaway.finetuning import predict_file as module
from cutaway.finetuning.classifier import Classifier
from cutaway.finetuning.journal import Journal
from cutaway.finetuning.predict_file import FileSettings, predict_file

ODD = ["007", "NA", "1e5", "café 👍🏽", "a\r\nb", ' "so" great, ', "tab\there", "=1+1", "x\u2028y"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_classifier(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return Classifier.load(run)


def write_csv(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "review"], *([f"{at:03}", text] for at, text in enumerate(texts))])
    return path


def read(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    with path.open(newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_answers_are_those_of_predict_and_texts_are_what_they_were(
    classifier: Classifier, tmp_path: Path, ending: str
) -> None:
    texts = ODD + reviews(50)
    report = predict_file(classifier, write_csv(tmp_path / "in.csv", texts), tmp_path / f"out{ending}")
    rows, wanted = read(tmp_path / f"out{ending}"), classifier.predict(texts)
    assert [row["review"] for row in rows] == texts
    assert [row["id"] for row in rows] == [f"{at:03}" for at in range(len(texts))]
    assert [row["prediction"] for row in rows] == wanted.labels
    got = np.array([[float(row[f"p_{name}"]) for name in wanted.classes] for row in rows])
    assert np.abs(got - wanted.probabilities).max() < 1e-6
    assert np.abs([float(row["probability"]) for row in rows] - got.max(1)).max() == 0
    assert report.rows == len(texts) == sum(report.labels.values())
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "in.csv", tmp_path / f"out{ending}"])


def test_a_row_of_json_goes_on_as_it_is_spelled(classifier: Classifier, tmp_path: Path) -> None:
    lines = ['{"n": 1e5, "text": "caf\\u00e9 great", "tags": [1,  2] }', '{"n":null,"text":"dull","tags":{}}']
    source = tmp_path / "in.jsonl"
    source.write_text("\n\n".join(lines))
    predict_file(classifier, source, tmp_path / "out.jsonl")
    for line, row in zip(lines, (tmp_path / "out.jsonl").read_text().splitlines(), strict=True):
        assert row.startswith(line.removesuffix("}").rstrip() + ', "prediction": ')
        assert json.loads(row) == json.loads(line) | {
            name: value for name, value in json.loads(row).items() if name.startswith("p")
        }


def test_columns_of_parquet_keep_their_types(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    texts = reviews(40)
    columns = {
        "id": arrow.array(range(40), arrow.int16()),
        "text": texts,
        "nested": [[at] for at in range(40)],
    }
    table = arrow.table(columns)
    with parquet.ParquetWriter(tmp_path / "in.parquet", table.schema) as writer:
        writer.write_table(table, row_group_size=11)
    predict_file(classifier, tmp_path / "in.parquet", tmp_path / "out.parquet")
    made = parquet.read_table(tmp_path / "out.parquet")
    assert made.select(table.column_names).equals(table)
    assert made["prediction"].to_pylist() == classifier.predict(texts).labels


def test_what_is_not_sure_enough_abstains_and_keeps_its_probability(
    classifier: Classifier, tmp_path: Path
) -> None:
    texts = reviews(60)
    sure = classifier.predict(texts)
    middle = float(np.median(sure.confidences))
    unsure = classifier.predict(texts, threshold=middle)
    kept = sure.confidences >= middle
    assert 0 < kept.sum() < 60
    assert unsure.labels == [
        label if keep else "abstain" for label, keep in zip(sure.labels, kept, strict=True)
    ]
    assert (unsure.probabilities == sure.probabilities).all()
    source = write_csv(tmp_path / "in.csv", texts)
    report = predict_file(classifier, source, tmp_path / "out.csv", FileSettings(threshold=middle))
    assert [row["prediction"] for row in read(tmp_path / "out.csv")].count("abstain") == (~kept).sum()
    assert report.labels["abstain"] == (~kept).sum()


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(classifier: Classifier, threshold: float) -> None:
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        classifier.predict(["fine"], threshold=threshold)


def test_a_class_called_abstain_and_a_threshold_do_not_go_together(tmp_path: Path) -> None:
    classifier = Classifier.load(write_tiny_classifier(tmp_path, classes=("abstain", "vote")))
    assert set(classifier.predict(reviews(9)).labels) <= {"abstain", "vote"}
    with pytest.raises(UsageError, match="would hide it"):
        classifier.predict(["fine"], threshold=0.5)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def test_it_goes_on_from_any_cut_to_the_same_bytes(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    source = write_csv(tmp_path / "in.csv", reviews(70))
    predict_file(classifier, source, tmp_path / "whole.csv")
    whole = (tmp_path / "whole.csv").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(module.Journal, "remove", module.Journal.close)  # type: ignore[attr-defined]
        predict_file(classifier, source, tmp_path / "out.csv")
    journal = tmp_path / ".out.csv.predicting"
    full = journal.read_bytes()
    header = full.index(b"\n") + 1
    block = 4 + 16 * 3 * 4
    assert len(full) == header + 4 * block + 4 + 6 * 3 * 4
    for size in (0, 5, header - 1, header, header + 3, header + block, header + 2 * block - 1, len(full)):
        journal.write_bytes(full[:size])
        (tmp_path / "out.csv").unlink()
        report = predict_file(classifier, source, tmp_path / "out.csv")
        assert report.resumed == min(
            70, 16 * max(0, (size - header) // block) + (6 if size == len(full) else 0)
        )
        assert (tmp_path / "out.csv").read_bytes() == whole
        assert not journal.exists()
    flipped = bytearray(full)
    flipped[header + block + 20] ^= 1
    journal.write_bytes(flipped)
    assert predict_file(classifier, source, tmp_path / "out.csv").resumed == 16
    assert (tmp_path / "out.csv").read_bytes() == whole


def test_other_texts_another_model_or_precision_start_anew(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    source = write_csv(tmp_path / "in.csv", reviews(40))
    target, journal = tmp_path / "out.csv", tmp_path / ".out.csv.predicting"
    with monkeypatch.context() as patched:
        patched.setattr(module.Journal, "remove", module.Journal.close)  # type: ignore[attr-defined]
        predict_file(classifier, source, target)
    kept = journal.read_bytes()
    other = Classifier.load(write_tiny_classifier(tmp_path / "other", classes=("x", "y", "z")))
    assert predict_file(other, source, target).resumed == 0
    journal.write_bytes(kept)
    assert predict_file(classifier, source, target, FileSettings(precision="float32")).resumed == 0
    journal.write_bytes(kept)
    # The threshold decides no probability.
    assert predict_file(classifier, source, target, FileSettings(threshold=0.9)).resumed == 40
    journal.write_bytes(kept)
    write_csv(source, [*reviews(39), "another"])
    assert predict_file(classifier, source, target).resumed == 0


def test_a_killed_command_leaves_no_half_output_and_goes_on(run: Path, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", reviews(5_000, longest=45))
    command = [sys.executable, "-m", "cutaway", "predict", str(run), "--input", str(source), "--output"]
    journal, target = tmp_path / ".out.jsonl.predicting", tmp_path / "out.jsonl"
    for kill, size in ((signal.SIGKILL, 12_000), (signal.SIGINT, 36_000)):
        process = subprocess.Popen(
            [*command, str(target)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > size):
            time.sleep(0.002)
        process.send_signal(kill)
        said = process.communicate()[1]
        assert process.returncode == (-9 if kill == signal.SIGKILL else 130), said
        assert not target.exists()
    assert "goes on from there" in said
    classifier = Classifier.load(run)
    report = predict_file(classifier, source, target)
    assert 2048 < report.resumed < 5_000 == report.rows
    predict_file(classifier, source, tmp_path / "whole.jsonl")
    assert target.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not journal.exists()


def test_two_processes_do_not_write_one_output(classifier: Classifier, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", reviews(5))
    held = Journal(tmp_path / ".out.csv.predicting", {}, ([5], 3))
    with pytest.raises(ResourceError, match="another process"):
        predict_file(classifier, source, tmp_path / "out.csv")
    held.close()
    predict_file(classifier, source, tmp_path / "out.csv")


def test_bad_rows_are_named_before_anything_is_predicted(classifier: Classifier, tmp_path: Path) -> None:
    texts = reviews(3000)
    for at in (4, 1500, 2999):
        texts[at] = "\u200b" if at == 1500 else "  "
    told: list[int] = []
    source = write_csv(tmp_path / "in.csv", texts)
    with pytest.raises(
        DataError, match=r"'review' has no text to read in 3 of 3000 rows \(row 5, 1501, 3000\)"
    ):
        predict_file(classifier, source, tmp_path / "out.csv", told=lambda done, total: told.append(done))
    assert not told
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--input", "in.csv"], 2, "both --input and --output"),
        (["text", "--input", "in.csv", "--output", "out.csv"], 2, "give texts, or both"),
        (["--input", "in.csv", "--output", "in.csv"], 2, "is the input"),
        (["--input", "in.csv", "--output", "out.txt"], 2, "cannot write .txt"),
        (["--input", "in.csv", "--output", "out"], 2, "a file without an ending"),
        (["--input", "in.csv", "--output", "out.csv", "--text", "no"], 2, "no column 'no': it has"),
        (["--input", "in.csv", "--output", "out.csv", "--precision", "half"], 2, "not 'half'"),
        (["--input", "in.csv", "--output", "out.csv", "--threshold", "7"], 2, "not 7.0"),
        (["--input", "no.csv", "--output", "out.csv"], 1, "no file no.csv"),
        (["--input", "in.csv", "--output", "/proc/no/out.csv"], 4, "cannot write /proc/no/out.csv"),
        (["--input", "out2.csv", "--output", "out.csv"], 2, "already has a column 'prediction'"),
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
    write_csv(tmp_path / "in.csv", ["fine"])
    (tmp_path / "out2.csv").write_text("text,prediction\nfine,x\n")
    before = (tmp_path / "in.csv").read_bytes()
    assert main(["predict", str(run), *words]) == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("cutaway: ")
    assert said in told
    assert (tmp_path / "in.csv").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_and_what_was_done_is_kept(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", {"a": 1}, ([2, 2], 3))
    journal.append(np.ones((2, 3), np.float32))
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - the journal closes it
    whole, journal._file = journal._file, full
    with pytest.raises(ResourceError, match="no space left"):
        journal.append(np.ones((2, 3), np.float32))
    full.close()
    whole.close()
    again = Journal(tmp_path / "journal", {"a": 1}, ([2, 2], 3))
    assert again.done == 1
    assert [block.tolist() for block in again.blocks()] == [np.ones((2, 3)).tolist()]
    again.close()
