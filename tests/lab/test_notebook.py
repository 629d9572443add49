"""The lines that the lab offers for a notebook, executed as one does: the last value renders itself."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

import cutaway
from cutaway.core.render import number
from cutaway.core.trace import Trace

ROOMS = {
    "tokenization": "import cutaway\ncutaway.Tokenizer.load('bpe-reviews').trace('Unforgettably <b>slow</b>')",
    "unigram": "import cutaway\ncutaway.Tokenizer.load('unigram-reviews').trace('slow film')",
    "wordpiece": "import cutaway\ncutaway.Tokenizer.load('bert-base-uncased').trace('unaffable 🙃')",
    "embeddings": "import cutaway\ncutaway.WordVectors.load('glove-6b-50d').trace_most_similar(['king'], ['man'])",
    "step": (
        "from cutaway.embeddings.word2vec import Word2Vec\n"
        "model = Word2Vec(dim=8, min_count=1).train([['a', 'b', 'c']] * 20, epochs=40)\n"
        "model.trace(['a', 'b'], 1, negatives=['c'])"
    ),
    "recurrent": (
        "from cutaway.finetuning.reader import Reader\n"
        "from cutaway.recurrent.lineage import lineage\n"
        "from cutaway.tokenization.word_spans import word_spans\n"
        "lineage(Reader.load('lstm-sentiment').trace(word_spans('not bad at all'))).at(unit=7)"
    ),
    "transformers": "import cutaway\ncutaway.Classifier.load('sentiment').trace('not bad <i>').at(layer=1, head=7)",
}


def run(lines: str) -> Any:
    """What a notebook's cell ends with: every statement is run, the last expression is its value."""
    body = ast.parse(lines).body
    last, scope = body.pop(), dict[str, Any]()
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(body, []), "cell", "exec"), scope)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), scope)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {room: run(lines) for room, lines in ROOMS.items()}


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_renders_itself(traces: dict[str, Trace], room: str) -> None:
    page = traces[room]._repr_html_()
    assert page.startswith('<div class="cutaway">')
    for step in traces[room].steps:
        assert f"{step.source.file}:{step.source.line}" in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert len(page) < 500_000


def test_the_forest_ends_in_the_tokens(traces: dict[str, Trace]) -> None:
    trace = traces["tokenization"]
    page = trace._repr_html_()
    merges = [row for row in trace.table("steps").rows if row[3] is not None]
    assert page.count("<circle") == len(merges)
    assert page.count('rx="2"') == len(trace.table("tokens").rows)


def test_arrows_are_as_long_as_the_step_says(traces: dict[str, Trace]) -> None:
    trace = traces["step"]
    page = trace._repr_html_()
    for value in trace["arrows"].ravel():
        assert number(value) in page
    assert page.count('<line class="pull"') == np.count_nonzero(trace["labels"] == 1) * len(trace["arrows"])


def test_one_head_is_the_benchs(traces: dict[str, Trace]) -> None:
    whole = cutaway.Classifier.load("sentiment").trace("not bad <i>")
    np.testing.assert_array_equal(traces["transformers"]["weights"], whole["weights"][1, 7])
    assert "[CLS]" in traces["transformers"]._repr_html_()
