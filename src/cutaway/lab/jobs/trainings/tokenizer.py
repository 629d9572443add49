"""A tokenizer learned from text: how often each merged pair stood, or how likely the text is each round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cutaway.lab.jobs.asked import TokenizerTraining
from cutaway.lab.jobs.events import Teller
from cutaway.lab.jobs.trainings.texts import texts_of, told
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.training.trainer import trace_training, train_pipeline

FILE = "tokenizer.json"
SHOWN = 12


def train_tokenizer(asked: TokenizerTraining, teller: Teller, out: Path) -> dict[str, Any]:
    """Learn a tokenizer.

    Args:
        asked: texts, model, size.
        teller: of the job.
        out: takes tokenizer.json.

    Returns:
        The vocabulary's size, the first and the last of what was learned.
    """
    rounds = asked.model == "unigram"
    teller.event("began", title=f"{asked.model} tokenizer", x="round" if rounds else "merge", curves=())
    texts = texts_of(asked.data, asked.seed)
    pipeline, learned = train_pipeline(told(texts, teller), model=asked.model, vocab_size=asked.vocab_size)
    tokenizer = Tokenizer(pipeline)
    tokenizer.save(out / FILE)
    trace = trace_training(learned, tokenizer.token_of)
    table = trace.tables["rounds" if rounds else "merges"]
    series, name = (
        ("log likelihood of a character, nats", "likelihood") if rounds else ("times the pair stood", "count")
    )
    for step, y in zip(table.column("step"), table.column(name), strict=True):
        teller.point(series, float(step or 0), float(y or 0))
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {
        "vocabulary": tokenizer.vocab_size,
        "texts": len(texts),
        "learned": len(rows),
        "first": rows[:SHOWN],
        "last": rows[-SHOWN:],
    }
