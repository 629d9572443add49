"""Fill-mask: which words a pretrained model puts behind a mask, each chance down to the sum that made it.

Legend: T tokens, D width, W words shown, V words of the vocabulary.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.finetuning import python_name
from cutaway.lab.figures.offered import catalog_names, run_place
from cutaway.lab.figures.why import Parts, products, single

if TYPE_CHECKING:
    from pathlib import Path

    from cutaway.finetuning.asking import Opened
    from cutaway.transformers.task_heads import WordHead
    from cutaway.transformers.tasks import MaskedWords

SHOWN = 12
LOADED = 2
# What a page writes for a mask, whatever the model calls its own.
MASK = "[MASK]"


@lru_cache(maxsize=LOADED)
def guesser_of(model: str) -> Opened:
    """Return a model that guesses words, loaded once.

    Args:
        model: a checkpoint of the catalog, or a run of `cutaway pretrain`; never a path.

    Returns:
        The model.

    Raises:
        UsageError: it has no head for masked words.
    """
    from cutaway.finetuning.asking import open_model

    opened = open_model(guesser_place(model))
    if opened.answers != "words":
        raise UsageError(f"{model} has no head for masked words: it answers with {opened.answers}")
    return opened


def guesser_place(model: str) -> str | Path:
    """Return what `open_model` takes.

    Args:
        model: as for `guesser_of`.
    """
    return model if model in catalog_names("checkpoint") else run_place(model, "pretrain")


def guessing(text: str, *, model: str) -> Figure:
    """Guess the word behind the first mask of a text.

    Args:
        text: with `[MASK]` where a word is to be guessed.
        model: a catalog name or a run.

    Returns:
        `changed` (D,), what the head makes of the mask's vector; `table` (W, D), the vectors of the likeliest
        words; their `logits` and `probabilities` (W,); `normalizer` (), the logarithm of the sum over all V
        words. `more`: the place of the mask, and how many words there are.

    Raises:
        UsageError: there is no mask in the text.
    """
    opened = guesser_of(model)
    task, tokenizer = cast("MaskedWords", opened.task), opened.tokenizer
    mask = "" if tokenizer.mask_id is None else tokenizer.token_of(tokenizer.mask_id)
    read = opened.read(text.replace(MASK, mask))
    places = np.flatnonzero(read.ids == tokenizer.mask_id)
    if not places.size:
        raise UsageError(f"there is no mask in the text: write {MASK} in the place of a word")
    place = int(places[0])
    rec = Recorder(f"what stands at token {place}")
    record_guess(rec, task, read.ids, place)
    best = rec.finish()["best"]
    rec.label("word", [tokenizer.token_of(int(word)) for word in best])
    rec.label("token", read.tokens)
    trace = rec.finish()
    more = {"place": place, "masks": len(places), "vocabulary": tokenizer.vocab_size}
    return Figure(trace=trace, python=_python(text, model, mask), whys=_whys(trace), more=more)


def record_guess(rec: Recorder, task: MaskedWords, ids: np.ndarray, place: int) -> None:
    """Record how likely each word is at a place, for the likeliest.

    Args:
        rec: takes `changed`, `normalizer`, `best`, `table`, `bias`, `logits`, `probabilities`.
        task: the model.
        ids: (T,) int.
        place: where, from 0.
    """
    from cutaway.transformers.packing import PackedBatch

    head, table = cast("WordHead", task.head), task.body.embeddings.token.weight
    with torch.inference_mode():
        hidden = task.body(PackedBatch.from_rows([ids]))[place]  # (D)
        changed = rec.keep(
            "changed", head.change(hidden), axes=("dimension",), formula="u = norm(act(W h + b))"
        )  # (D)
        scores = changed @ table.T + head.bias  # (V)
        whole = rec.keep(
            "normalizer", scores.logsumexp(0), axes=(), formula="log Σ e^s over the whole vocabulary"
        )
        best = scores.topk(min(SHOWN, len(scores))).indices  # (W)
        rec.keep("best", best, axes=("word",), formula="ids of the highest s")
        rec.keep("table", table[best], axes=("word", "dimension"), formula="their rows of the token table")
        rec.keep("bias", head.bias[best], axes=("word",), formula="b_out")
        logits = rec.keep(
            "logits", scores[best], axes=("word",), formula="s = u · e + b_out", inputs=("changed", "table")
        )
        rec.keep(
            "probabilities",
            (logits - whole).exp(),
            axes=("word",),
            formula="p = e^(s − log Σ e^s)",
            inputs=("logits", "normalizer"),
        )


def _whys(trace: Trace) -> dict[str, Explainer]:
    changed, table, bias = trace["changed"], trace["table"], trace["bias"]
    names = [f"dimension {at}" for at in range(len(changed))]

    def logit(at: tuple[int, ...]) -> Parts:
        terms = products(names, ("u", "e"), changed, table[at[0]])
        return Parts(terms=[*terms, single("bias", float(bias[at]))])

    def probability(at: tuple[int, ...]) -> Parts:
        terms = [
            single("s", float(trace["logits"][at])),
            single("less log Σ e^s", -float(trace["normalizer"])),
        ]
        return Parts(terms=terms, then="e to the power of it", last=math.exp)

    return {"logits": logit, "probabilities": probability}


def _python(text: str, model: str, mask: str) -> str:
    return "\n".join(
        (
            "from cutaway.finetuning.asking import open_model",
            f"opened = open_model({python_name(guesser_place(model))})",
            f"ids = opened.read({literal(text.replace(MASK, mask))}).ids",
            f"found = opened.task.fill(ids, mask=opened.tokenizer.mask_id, topn={SHOWN})[0]",
            "[(opened.tokenizer.token_of(word.id), word.probability) for word in found]",
        )
    )
