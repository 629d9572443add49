"""Two figures of room 4 over all heads at once: what each does, and what each wrote towards the answer.

Legend: L layers, H heads, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from cutaway.core.errors import UsageError
from cutaway.core.trace import NamedArray, Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.finetuning import MODEL, classifier_of, python_name
from cutaway.lab.figures.why import Parts, products, single

if TYPE_CHECKING:
    from cutaway.transformers.question import Question

Replacement = Literal["zero", "mean"]
MEASURES = ("previous", "next", "first", "separator", "same", "entropy")


def atlas(text: str, *, place: str | Path = MODEL) -> Figure:
    """Measure where every head of every layer looks.

    Args:
        text: any string with a word in it.
        place: a catalog name or a run's folder.

    Returns:
        `weights` (L, H, T, T) in steps of 1/255, for pictures; and the measures of `measure_heads`, (L, H).
    """
    from cutaway.transformers.heads import measure_heads

    whole = classifier_of(place).trace(text)
    measured = measure_heads(whole)
    coarse = NamedArray(
        name="weights",
        axes=whole.arrays["weights"].axes,
        values=np.rint(whole["weights"] * 255).astype(np.uint8),
    )
    trace = Trace(
        title=f"all heads on {len(whole.labels['key'])} tokens",
        arrays={"weights": coarse, **measured.arrays},
        steps=(whole.step("weights"), *measured.steps),
        labels={axis: whole.labels[axis] for axis in ("query", "key")},
    )
    return Figure(trace=trace, python=_python_atlas(text, place), whys=_whys_of_atlas(whole))


def _whys_of_atlas(whole: Trace) -> dict[str, Explainer]:
    weights, tokens, ids = whole["weights"], whole.labels["query"], whole["ids"]
    separators = [at for at, token in enumerate(tokens) if token in ("[SEP]", "</s>")]
    last = len(tokens) - 1
    counted: dict[str, Callable[[int], list[int]]] = {
        "previous": lambda t: [t - 1] if t else [],
        "next": lambda t: [t + 1] if t < last else [],
        "first": lambda t: [0],
        "separator": lambda t: separators or [last],
        "same": lambda t: [s for s in range(last + 1) if ids[s] == ids[t]],
    }

    def of(name: str) -> Explainer:
        keys = counted[name]

        def explainer(at: tuple[int, ...]) -> Parts:
            asking = [t for t in range(last + 1) if keys(t)]
            values = [float(weights[at][t, keys(t)].sum()) for t in asking]
            count = max(len(asking), 1)
            terms = products([tokens[t] for t in asking], ("A",), values)
            return Parts(terms=terms, then=f"÷ {count} queries", last=lambda total: total / count)

        return explainer

    return {name: of(name) for name in counted}


def answer(text: str, *, replacement: Replacement = "zero", place: str | Path = MODEL) -> Figure:
    """Divide an answer among all that was written on the way to it, and take every part out once.

    Args:
        text: any string with a word in it.
        replacement: what stands in a part's place when it is taken out; see `ablate`.
        place: a catalog name or a run's folder; of two labels.

    Returns:
        `written` and `without` (L, H + 1), heads and behind them the feed-forward layer: what each wrote, and
        how the answer changes without it; `rollout` (L, T, T); `by_token` (2, T): gradient × input, and how
        much of the mean token is this one by rollout. `more` has the groups that sum to the answer.

    Raises:
        UsageError: the model does not have two labels.
    """
    from cutaway.transformers.ablation import switchboard
    from cutaway.transformers.attributions import gradient_times_input
    from cutaway.transformers.ledger import ledger
    from cutaway.transformers.questions import why_mean
    from cutaway.transformers.rollout import rollout

    classifier = classifier_of(place)
    labels = classifier.settings.labels
    if len(labels) != 2:
        raise UsageError(f"this model has {len(labels)} labels: this figure divides the difference of two")
    whole = classifier.trace(text)
    tokens = whole.labels["token"]
    question = why_mean(classifier.encoder, whole["ids"], classifier.head, 1, against=0, tokens=tokens)
    rec = Recorder(f"logit of {labels[1]} − logit of {labels[0]}")
    for made in (ledger(question), switchboard(question, replacement=replacement), rollout(whole)):
        rec.include(made)
    return _finish(rec, question, gradient_times_input(question), _python_answer(text, place))


def _finish(rec: Recorder, question: Question, slopes: Trace, python: str) -> Figure:
    """Set heads and feed-forward layers side by side, and both ways to weigh tokens."""
    made = rec.finish()
    heads = made["head_part"].shape[1]
    rec.label("layer", [f"layer\N{THIN SPACE}{at + 1}" for at in range(len(made["head_part"]))])
    rec.label("part", [*(f"head\N{THIN SPACE}{at + 1}" for at in range(heads)), "feed-forward"])
    rec.label("way", ("grad\N{THIN SPACE}×\N{THIN SPACE}input", "rollout"))
    rec.keep(
        "written",
        np.column_stack([made["head_part"], made["feed_forward_part"]]),
        axes=("layer", "part"),
        formula="Σₜ gₜ · what the part added at t",
        inputs=("head_part", "feed_forward_part"),
    )
    rec.keep(
        "without",
        np.column_stack([made["head_change"], made["feed_forward_change"]]),
        axes=("layer", "part"),
        formula="answer without the part − answer",
        inputs=("head_change", "feed_forward_change"),
    )
    rec.keep(
        "by_token",
        np.stack([slopes["attribution"], made["rollout"][-1].mean(axis=0)]),
        axes=("way", "token"),
        formula="aₜ = Σᵢ eₜᵢ ∂F/∂eₜᵢ; mean over queries of R",
        inputs=("rollout",),
    )
    trace = rec.finish()
    more = {"groups": _groups(trace), "total": float(trace["total"]), "answer": question.answer()}
    drawn = ("written", "without", "rollout", "by_token")
    return Figure(trace=trace, python=python, whys=_whys_of_answer(trace), more=more, drawn=drawn)


def _groups(trace: Trace) -> list[dict[str, str | float]]:
    """Sum the ledger by kind of part, in the order of the computation."""
    sums: dict[str, float] = {}
    for part, _, _, value in trace.table("parts").rows:
        sums[str(part)] = sums.get(str(part), 0.0) + float(value or 0.0)
    return [{"part": part, "sum": value} for part, value in sums.items()]


def _whys_of_answer(trace: Trace) -> dict[str, Explainer]:
    tokens, heads = trace.labels["token"], trace["head_part"].shape[1]
    model_answer = float(trace["answer"])

    def written(at: tuple[int, ...]) -> Parts:
        layer, part = at
        by_token = trace["head_part_by_token"][layer, part] if part < heads else None
        values = trace["feed_forward_part_by_token"][layer] if by_token is None else by_token
        return Parts(terms=products(tokens, ("written here",), [float(v) for v in values]))

    def without(at: tuple[int, ...]) -> Parts:
        changed = model_answer + float(trace["without"][at])
        return Parts(terms=[single("answer without it", changed), single("less the answer", -model_answer)])

    def rolled(at: tuple[int, ...]) -> Parts:
        layer, query, key = at
        mixed = trace["with_residual"][layer, query]
        below = trace["rollout"][layer - 1][:, key] if layer else np.eye(len(tokens))[:, key]
        return Parts(terms=products(tokens, ("Ā", "R below"), mixed, below))

    def total(_: tuple[int, ...]) -> Parts:
        rows = trace.table("parts").rows
        names = [" ".join(str(cell) for cell in row[:3] if cell is not None) for row in rows]
        return Parts(terms=products(names, ("part",), [float(row[3] or 0.0) for row in rows]))

    return {"written": written, "without": without, "rollout": rolled, "total": total}


def _python_atlas(text: str, place: str | Path) -> str:
    return "\n".join(
        (
            "import cutaway",
            "from cutaway.transformers.heads import measure_heads",
            f"trace = cutaway.Classifier.load({python_name(place)}).trace({literal(text)})",
            'measure_heads(trace)["previous"]',
        )
    )


def _python_answer(text: str, place: str | Path) -> str:
    return "\n".join(
        (
            "import cutaway",
            "from cutaway.transformers.ledger import ledger",
            "from cutaway.transformers.questions import why_mean",
            f"model = cutaway.Classifier.load({python_name(place)})",
            f"trace = model.trace({literal(text)})",
            'question = why_mean(model.encoder, trace["ids"], model.head, 1, against=0)',
            'ledger(question)["head_part"]  # all parts sum to question.answer()',
        )
    )
