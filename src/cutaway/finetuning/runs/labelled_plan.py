"""The plan of a training on labelled texts: the data described as far as a run will be judged by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cutaway.finetuning.data import Labelled, Rows
from cutaway.finetuning.describe import leaked_rows, near_leaks
from cutaway.finetuning.runs.record import Kind
from cutaway.finetuning.runs.recorder import Plan

SHOWN_LEAKS = 20
# What of a run's data is a list of rows: told where leaks are, not among the data's figures.
LEAK_LISTS = ("leaked", "near_leaked")


def plan_of(
    labelled: Labelled,
    split: tuple[Rows, Rows],
    *,
    folder: Path,
    settings: Mapping[str, Any],
    kind: Kind = "finetune",
) -> Plan:
    """Return the plan of a training.

    Args:
        labelled: the rows that are used.
        split: row numbers for training and held out.
        folder: the run's.
        settings: all that was chosen, with `loop.seed`.
        kind: of the run.
    """
    training, held = (labelled.pick(part) for part in split)
    leaks = leaked_rows(training.texts, held.texts)
    near = sorted(near_leaks(training.texts, held.texts, leaks), key=lambda one: -one.similarity)
    data = {
        "source": labelled.source,
        "sha256": labelled.sha256,
        "rows": len(labelled),
        "training": len(training),
        "held_out": len(held),
        "classes": dict(sorted(Counter(training.labels).items())),
        "leaks": len(leaks),
        # Rows of the source, from 0: one that is trained on, and the held-out one with the same text.
        "leaked": [[_source_row(training, a), _source_row(held, b)] for a, b in leaks[:SHOWN_LEAKS]],
        "near_leaks": len(near),
        # The same of texts that are almost the same, the most alike first, with the share of their runs.
        "near_leaked": [
            [_source_row(training, a), _source_row(held, b), round(alike, 4)]
            for a, b, alike in near[:SHOWN_LEAKS]
        ],
    }
    return Plan(
        kind=kind,
        folder=folder,
        settings=settings,
        data=data,
        seeds={"all": settings["loop"]["seed"]},
    )


def _source_row(part: Labelled, at: int) -> int:
    return at if part.rows is None else int(part.rows[at])
