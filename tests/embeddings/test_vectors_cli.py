"""`cutaway vectors`: what is printed, in which form, with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cutaway.cli.main import main

VECTORS = "east 1 0\nnorth 0 1\nwest -1 0\n[b]bold[/b] 1 1\n"


@pytest.fixture
def small(tmp_path) -> str:
    path = tmp_path / "small.txt"
    path.write_text(VECTORS)
    return str(path)


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = main(["vectors", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_similar(capsys, small) -> None:
    assert run(capsys, "similar", "king", "queen") == (0, "king  queen  0.7839\n", "")
    code, out, _ = run(capsys, "similar", "east", "[b]bold[/b]", "--vectors", small, "--json")
    assert code == 0
    assert json.loads(out) == {
        "a": "east", "b": "[b]bold[/b]", "similarity": pytest.approx(0.5**0.5), "vectors": small,
    }  # fmt: skip


def test_neighbors(capsys, small) -> None:
    code, out, _ = run(capsys, "neighbors", "east", "-n", "3", "--vectors", small)
    assert (code, out) == (0, "0.7071  [b]bold[/b]\n0.0000  north\n−1.0000  west\n")
    code, out, _ = run(capsys, "neighbors", "east", "-n", "1", "--vectors", small, "--json")
    assert json.loads(out)["neighbors"] == [
        {"word": "[b]bold[/b]", "similarity": pytest.approx(0.5**0.5)}
    ]  # fmt: skip


def test_analogy(capsys) -> None:
    code, out, _ = run(capsys, "analogy", "king", "man", "woman", "-n", "2")
    assert (code, out) == (0, "man is to king as woman is to queen\n0.8524  queen\n0.7664  throne\n")
    code, out, _ = run(capsys, "analogy", "king", "man", "woman", "--json", "-n", "1")
    answer = json.loads(out)
    assert answer["sum"] == "king - man + woman"
    assert answer["neighbors"] == [{"word": "queen", "similarity": pytest.approx(0.85236, abs=1e-5)}]


def test_traces(capsys, small) -> None:
    code, out, _ = run(capsys, "similar", "east", "[b]bold[/b]", "--vectors", small, "--trace")
    assert code == 0
    assert "similarity of 'east' and '[b]bold[/b]'" in out
    assert "cosine: 0.707" in out
    code, out, _ = run(capsys, "analogy", "east", "west", "north", "--vectors", small, "--trace", "--json")
    trace = json.loads(out)
    assert trace["labels"]["word"] == ["east", "north", "west"]
    assert trace["tables"]["neighbors"]["rows"][0][1] == "[b]bold[/b]"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["neighbors", "kinggg"], 1, "no vector for 'kinggg' among 400,000 words: did you mean 'king'"),
        (["neighbors", ""], 1, "no vector for ''"),
        (["neighbors", "a\x00\u202e🙂"], 1, "no vector for"),
        (["neighbors", "king", "-n", "0"], 2, "topn is 0"),
        (["analogy", "king", "king", ""], 1, "no vector for ''"),
        (["similar", "a", "b", "--vectors", "nope"], 1, "no vectors called 'nope'"),
        (["similar", "a", "b", "--vectors", "no/such.txt"], 1, "there is no file no/such.txt"),
        (["similar", "a"], 2, ""),
        (["neighbors", "king", "-n", "many"], 2, ""),
    ],
)
def test_mistakes_take_one_line(capsys, words, code, message) -> None:
    got, out, err = run(capsys, *words)
    assert (got, out) == (code, "")
    assert message in err
    assert "Traceback" not in err
    if message:
        assert err.count("\n") == 1


def test_a_damaged_file_at_the_command_line(capsys, small, tmp_path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(VECTORS + "x 1 2 3\n")
    code, out, err = run(capsys, "similar", "east", "west", "--vectors", str(path))
    assert (code, out) == (1, "")
    assert err == f"cutaway: {path}, line 5: 3 numbers after the word, expected 2\n"


def test_convert(capsys, small, tmp_path) -> None:
    target = tmp_path / "small.safetensors"
    code, out, err = run(capsys, "convert", small, str(target), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"file": str(target), "words": 4, "dim": 2, "bytes": target.stat().st_size}
    assert run(capsys, "similar", "east", "west", "--vectors", str(target))[1] == "east  west  −1.0000\n"
    code, out, _ = run(capsys, "convert", str(target), str(tmp_path / "back.vec"))
    assert (code, out) == (0, f"{tmp_path / 'back.vec'}: 4 words × 2 dimensions, 0.0 MB\n")
    assert (tmp_path / "back.vec").read_text() == "4 2\n" + VECTORS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["small.npz"], "cannot tell a format from 'small.npz'"),
        (["small.safetensors", "--storage", "int4"], "storage is 'int4': expected one of float32"),
        (["small.vec", "--storage", "int8"], "only .safetensors stores int8"),
    ],
)
def test_convert_refuses(capsys, small, tmp_path, monkeypatch, words, message) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "convert", small, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["small.txt"]


def test_asking_one_question_loads_neither_numba_nor_torch() -> None:
    program = (
        "import sys; from cutaway.cli.main import main; "
        "code = main(['vectors', 'neighbors', 'king', '-n', '1']); "
        "sys.exit(code or ','.join({'numba', 'torch', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (0, "0.8236  prince\n", "")
