"""The rooms' figures: what is shown is the library's own, and every answer to "why" comes to the model's number."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import cutaway
from cutaway.core.errors import ShapeError, UsageError
from cutaway.core.trace import Recorder
from cutaway.finetuning.reader import Reader
from cutaway.lab.figures.figure import Figure
from cutaway.lab.figures.gates import Valve
from cutaway.lab.figures.why import Parts, explain, products

SENTENCE = "The film was not bad at all, just slow."
CORPUS = "the king rules the land\nthe queen rules the land\nthe dog eats a bone\nthe cat eats a fish"
# What the last of a figure's lines for a notebook shows.
ARRAYS = {
    "bench": "weights",
    "memory": "triangle",
    "tug": "arrows",
    "adapter": "change",
    "prediction": "probabilities",
    "atlas": "previous",
    "parts": "head_part",
    "valve": "change_hidden",
    "fading": "LSTM",
}
VALVE = Valve(gate="forget_gate", word=4, unit=-1, value=0.0)
TUG = {"corpus": CORPUS, "sentence": ["the", "king", "rules"], "center": 1, "negatives": ["dog", "bone"]}


def figures() -> dict[str, Figure]:
    from cutaway.lab.figures import (
        counting,
        embeddings,
        explanations,
        finetuning,
        gates,
        recurrent,
        transformers,
    )

    return {
        "bench": transformers.bench(SENTENCE, transformers.Bench(layer=3, head=5)),
        "first layer": transformers.bench(SENTENCE, transformers.Bench(layer=1, head=12)),
        "memory": recurrent.memory(SENTENCE, unit=7),
        "tug": embeddings.tug(CORPUS, ["the", "king", "rules"], center=1, negatives=["dog", "bone"])[-1],
        "analogy": embeddings.analogy(["king", "woman"], ["man"]),
        "adapter": finetuning.adapter(layer=2, target="up"),
        "prediction": finetuning.prediction(SENTENCE),
        "atlas": explanations.atlas(SENTENCE),
        "valve": gates.valve(SENTENCE, VALVE),
        "fading": gates.fading(0.0),
        "counting": counting.counting(CORPUS),
        "parts": explanations.answer(SENTENCE, replacement="mean"),
    }


@pytest.fixture(scope="module")
def made() -> dict[str, Figure]:
    return figures()


@pytest.mark.parametrize(
    "name",
    [
        "bench",
        "first layer",
        "memory",
        "tug",
        "analogy",
        "adapter",
        "prediction",
        "atlas",
        "parts",
        "valve",
        "counting",
    ],
)
def test_the_arithmetic_shown_comes_to_the_models_number(made: dict[str, Figure], name: str) -> None:
    figure, random = made[name], np.random.default_rng(0)
    assert figure.whys
    for array in figure.whys:
        shape = figure.trace[array].shape
        for _ in range(20):
            why = figure.why(array, [int(random.integers(size)) for size in shape])
            # Models compute in single precision, the terms are added in double.
            assert why.value == pytest.approx(why.shown, rel=1e-4, abs=2e-6), (array, why.name)
            assert why.line == figure.trace.step(array).source.line
            for term in why.terms:
                named = dict(term.factors)
                if "e^(s − max)" not in named:
                    assert term.value == pytest.approx(math.prod(named.values()))


@pytest.mark.parametrize("name", [*ARRAYS, "analogy"])
def test_the_lines_for_a_notebook_make_the_same_numbers(made: dict[str, Figure], name: str) -> None:
    figure, scope = made[name], dict[str, Any]()
    lines = figure.python.splitlines()
    exec("\n".join(lines[:-1]), scope)
    found = eval(lines[-1].split("  #")[0], scope)
    if name == "analogy":
        assert found == figure.trace.table("neighbors").rows
        return
    array = ARRAYS[name]
    np.testing.assert_array_equal(found, figure.trace[array])


def test_a_row_of_the_triangle_sums_to_the_cell(made: dict[str, Figure]) -> None:
    trace = made["memory"].trace
    np.testing.assert_allclose(trace["triangle"].sum(axis=1), trace["cell"][:, 7], atol=1e-5)


def test_an_adapters_window_is_cut_from_the_whole_matrix(made: dict[str, Figure]) -> None:
    from safetensors.numpy import load_file

    from cutaway.catalog.resolve import resolve

    trace = made["adapter"].trace
    stored = load_file(resolve("sentiment").folder / "model.safetensors")
    whole = 2.0 * stored["encoder.blocks.1.up.b"] @ stored["encoder.blocks.1.up.a"]
    rows, columns = ([int(name) for name in trace.labels[axis]] for axis in ("output", "input"))
    np.testing.assert_allclose(trace["change"], whole[np.ix_(rows, columns)], atol=1e-7)
    np.testing.assert_allclose(trace["singular_change"], np.linalg.svd(whole)[1][:16], atol=1e-6)
    base = cutaway.Bert.load("all-MiniLM-L6-v2").blocks[1].up.weight.detach().numpy()
    at = trace.labels["layer"].index("2"), trace.labels["target"].index("up")
    assert trace["sizes"][at] == pytest.approx(np.linalg.norm(whole) / np.linalg.norm(base), rel=1e-5)
    others = np.delete(np.linalg.norm(whole, axis=1), rows)
    assert np.linalg.norm(whole[rows], axis=1).min() >= others.max()


def test_attributions_sum_to_the_lead_of_the_answer(made: dict[str, Figure]) -> None:
    trace, more = made["prediction"].trace, made["prediction"].more
    logits = np.sort(trace["logits"])
    lead = float(trace["answer"] - trace["baseline_answer"])
    assert float(trace["answer"]) == pytest.approx(logits[-1] - logits[-2], rel=1e-4)
    assert trace["attribution"].sum() == pytest.approx(lead + more["error"], rel=1e-6)
    assert abs(more["error"]) < 0.01 * abs(lead)


def test_the_bench_shows_the_classifiers_own_head(made: dict[str, Figure]) -> None:
    whole = cutaway.Classifier.load("sentiment").trace(SENTENCE)
    for array in ("q", "k", "v", "scores", "weights", "mixed"):
        np.testing.assert_array_equal(made["bench"].trace[array], whole[array][2, 4])
    np.testing.assert_array_equal(made["bench"].trace["x"], whole["output"][1])
    np.testing.assert_array_equal(made["first layer"].trace["x"], whole["embedded"])


def test_a_gate_set_by_hand_changes_what_comes_after_it_and_nothing_before(made: dict[str, Figure]) -> None:
    trace = made["valve"].trace
    assert np.abs(trace["change_hidden"][:4]).max() == 0
    assert np.abs(trace["change_hidden"][4:]).max(axis=1).min() > 0
    np.testing.assert_array_equal(trace["answers"][0, :4], trace["answers"][1, :4])
    reader = Reader.load("lstm-sentiment")
    ends = [reader.predict([SENTENCE]).probabilities[0, 1], trace["answers"][0, -1]]
    assert ends[0] == pytest.approx(ends[1], abs=1e-5)
    assert (trace["forget_gate"][4] == 0).all()
    np.testing.assert_allclose(trace["lengths"], np.linalg.norm(trace["change_hidden"], axis=1), rtol=1e-6)


def test_gates_that_stand_half_open_forget_half_of_a_gradient_each_step(made: dict[str, Figure]) -> None:
    fading = {(row[0], row[1]): float(row[2] or 0) for row in made["fading"].trace.table("fading").rows}
    assert fading["LSTM cell", 0.5] == pytest.approx(0.5, abs=0.1)
    assert fading["attention", None] > 0.9


def test_where_words_meet_the_fit_comes_near_and_elsewhere_there_is_none(made: dict[str, Figure]) -> None:
    counts, fitted = made["counting"].trace["counts"], made["counting"].trace["fitted"]
    assert (counts == counts.T).all()
    the, king = (made["counting"].trace.labels["word"].index(word) for word in ("the", "king"))
    assert counts[the, king] == pytest.approx(1 + 1 / 2)
    assert (fitted[counts == 0] == 0).all()
    met = counts > 0
    assert np.corrcoef(np.log(counts[met]), np.log(fitted[met]))[0, 1] > 0.8


def test_the_parts_sum_to_the_classifiers_answer(made: dict[str, Figure]) -> None:
    figure = made["parts"]
    logits = cutaway.Classifier.load("sentiment").trace(SENTENCE)["logits"]
    assert figure.more["answer"] == pytest.approx(float(logits[1] - logits[0]), abs=1e-5)
    assert sum(group["sum"] for group in figure.more["groups"]) == pytest.approx(
        figure.more["answer"], abs=1e-5
    )
    assert set(figure.to_json()["trace"]["arrays"]) == {"written", "without", "rollout", "by_token"}
    np.testing.assert_allclose(figure.trace["by_token"][1].sum(), 1, atol=1e-6)


def test_the_atlas_is_every_head_in_steps_of_a_byte(made: dict[str, Figure]) -> None:
    weights = cutaway.Classifier.load("sentiment").trace(SENTENCE)["weights"]
    coarse = made["atlas"].trace["weights"]
    assert coarse.dtype == np.uint8
    np.testing.assert_allclose(coarse / 255, weights, atol=0.5 / 255 + 1e-6)
    t = np.arange(1, weights.shape[2])
    np.testing.assert_allclose(made["atlas"].trace["previous"], weights[:, :, t, t - 1].mean(-1), atol=1e-6)


def test_every_step_brings_the_lines_of_its_function(made: dict[str, Figure]) -> None:
    for figure in made.values():
        answer = figure.to_json()
        for step in answer["trace"]["steps"]:
            source = answer["sources"][f"{step['file']}:{step['symbol']}"]
            assert source["first"] <= step["line"] < source["first"] + len(source["lines"])
            name = step["symbol"].rsplit(".", 1)[-1]
            assert any(f"def {name}" in line for line in source["lines"][:8])


def test_the_map_is_the_principal_components(made: dict[str, Figure]) -> None:
    from sklearn.decomposition import PCA

    trace = made["analogy"].trace
    peer = PCA(2).fit_transform(trace["points"])
    np.testing.assert_allclose(np.abs(trace["map"]), np.abs(peer), atol=1e-6)
    vectors = cutaway.WordVectors.load("glove-6b-50d")
    labels = trace.labels["point"]
    for a, b in itertools.combinations(range(3), 2):
        assert trace["truth"][a, b] == pytest.approx(vectors.similarity(labels[a], labels[b]), abs=1e-6)
    assert set(np.round(trace["kept"] * 3)) <= {0.0, 1.0, 2.0, 3.0}


def test_terms_are_joined_as_they_say() -> None:
    rec = Recorder("t")
    rec.keep("x", np.array([24.0, 9.0]), axes=("i",), formula="x")
    trace = rec.finish()
    terms = products(["a", "b"], ("p", "q"), [2.0, 3.0], [2.0, 2.0])
    whole = explain(trace, "x", [0], Parts(terms=terms, join="product"))
    assert (whole.value, whole.shown) == (24.0, 24.0)
    halved = explain(trace, "x", [1], Parts(terms=terms, then="less 1", last=lambda total: total - 1))
    assert (halved.value, halved.shown) == (9.0, 9.0)
    with pytest.raises(ShapeError, match=r"there is no place \[2\]"):
        explain(trace, "x", [2], Parts(terms=terms))


def test_an_array_without_an_answer_says_which_have_one(made: dict[str, Figure]) -> None:
    with pytest.raises(UsageError, match="'x' cannot be asked here"):
        made["bench"].why("x", [0, 0])


def test_the_api_answers_figure_and_why(client: TestClient) -> None:
    body = {"text": SENTENCE, "layer": 3, "head": 5}
    figure = client.post("/api/figures/bench", json=body)
    assert figure.status_code == 200
    assert figure.json()["layers"] == 6
    why = client.post("/api/figures/bench", json={**body, "array": "scores", "index": [1, 2]}).json()
    assert why["value"] == pytest.approx(why["shown"], abs=1e-5)
    first, last = (
        client.post(
            "/api/figures/tug", json={**TUG, "array": "scores", "index": [0, 0], "snapshot": at}
        ).json()
        for at in (0, -1)
    )
    assert first["shown"] != last["shown"]
    assert len(client.post("/api/figures/tug", json=TUG).json()["snapshots"]) == 24


def test_one_text_cut_by_every_tokenizer(client: TestClient) -> None:
    answer = client.post("/api/figures/cut", json={"text": "Unforgettable 🙃"}).json()
    assert answer["kind"] == "bpe"
    for side in answer["beside"]:
        ids = cutaway.Tokenizer.load(side["tokenizer"]).encode("Unforgettable 🙃", special=False).ids
        assert [token["id"] for token in side["tokens"]] == list(ids)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("bench", {"text": SENTENCE, "layer": 7}, "layer 7, head 1: this model has 6 layers"),
        ("bench", {"text": SENTENCE, "array": "scores", "index": [99, 0]}, "there is no place [99, 0]"),
        ("bench", {"text": SENTENCE, "array": "nothing", "index": [0]}, "'nothing' cannot be asked"),
        ("memory", {"text": "  "}, "holds no word"),
        ("memory", {"text": SENTENCE, "unit": -1}, "unit -1"),
        ("cut", {"text": "a", "tokenizer": "/etc/passwd"}, "the lab has no tokenizer '/etc/passwd'"),
        ("cut", {"text": ""}, "holds no word"),
        ("valve", {"text": SENTENCE, "word": 99}, "word 99: the text has the words 0 to 10"),
        ("valve", {"text": SENTENCE, "value": 1.5}, "between 0 and 1, not at 1.5"),
        ("valve", {"text": SENTENCE, "unit": 96}, "unit 96"),
        ("counting", {"corpus": "one line"}, "has 1 lines"),
        ("counting", {"corpus": "a\nb"}, "no two words"),
        ("fading", {"gate_bias": 99}, "gate_bias"),
        ("parts", {"text": SENTENCE, "replacement": "x"}, "replacement"),
        ("tug", {**TUG, "negatives": ["zebra"]}, "does not hold zebra"),
        ("tug", {**TUG, "center": 9}, "center is 9"),
        ("analogy", {"positive": []}, "give 1 to 6"),
        ("analogy", {"positive": ["kingg"]}, "kingg"),
        ("analogy", {"positive": ["king"], "more": 1}, "more"),
    ],
)
def test_bad_questions_are_one_line(client: TestClient, path: str, body: dict[str, Any], said: str) -> None:
    answer = client.post(f"/api/figures/{path}", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_the_catalog_tells_what_is_here_and_no_path(client: TestClient) -> None:
    rows = {row["name"]: row for row in client.get("/api/catalog").json()}
    assert rows["bpe-reviews"]["here"] == "package"
    assert rows["bpe-reviews"]["bytes"] == 256460
    assert not any("/" in (row["here"] or "") for row in rows.values())


def test_a_rooms_address_is_the_page_and_no_other_is(client: TestClient) -> None:
    for page in ("tokenization", "embeddings", "recurrent", "transformers", "catalog"):
        assert client.get(f"/{page}").text.startswith("<!doctype html>")
    assert client.get("/secret").status_code == 404
