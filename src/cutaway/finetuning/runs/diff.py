"""`runs diff`: two runs side by side, from what changed in the settings to whether it mattered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cutaway.core.errors import UsageError
from cutaway.finetuning.runs.comparison import Comparison, compare_answers
from cutaway.finetuning.runs.evidence import Evidence, evidence_of
from cutaway.finetuning.runs.explain import Explanation, explain_evidence
from cutaway.finetuning.runs.labelled_plan import LEAK_LISTS
from cutaway.finetuning.runs.matching import shared_examples
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.settings import Change, changes
from cutaway.finetuning.runs.verdict import CAVEAT, cause, verdict
from cutaway.training.history import History

# Of the machine, what can change a result; host and process cannot.
MACHINE = ("python", "torch", "numpy", "cpu", "threads")


@dataclass(frozen=True, kw_only=True)
class RunSide:
    """One of the two runs: its record, curves, and what the rules found."""

    record: RunRecord
    history: History
    explanation: Explanation


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """Two runs side by side.

    Attributes:
        first, second: each run.
        settings: the settings that differ.
        surroundings: what else differs: data, code, machine, seeds.
        comparison: on the held-out examples of both; None if a run left no answers.
        verdict: one sentence: how large the difference is, and whether it is noise.
        cause: what probably made it.
        caveat: what the test cannot say.
    """

    first: RunSide
    second: RunSide
    settings: list[Change]
    surroundings: list[Change]
    comparison: Comparison | None
    verdict: str
    cause: str
    caveat: str

    def to_json(self) -> dict[str, Any]:
        """Return the difference as plain values; of the curves, the epochs."""
        return {
            "runs": [_side_json(side) for side in (self.first, self.second)],
            "settings": [asdict(change) for change in self.settings],
            "surroundings": [asdict(change) for change in self.surroundings],
            "comparison": self.comparison.to_json() if self.comparison else None,
            "verdict": self.verdict,
            "cause": self.cause,
            "caveat": self.caveat,
        }


def diff(first: RunRecord, second: RunRecord) -> RunDiff:
    """Compare two runs.

    Args:
        first: the one to compare with, often the better or older.
        second: the other.

    Returns:
        What differs and what it means. Where the held-out examples are not the same, those that both
        held out are compared.

    Raises:
        UsageError: it is the same run twice.
        DataError: both left answers, but to no common example.
    """
    if first.id == second.id:
        raise UsageError(f"{first.name} and {second.name} are the same run")
    seen = evidence_of(first), evidence_of(second)
    sides = [
        RunSide(record=each.record, history=each.history, explanation=explain_evidence(each)) for each in seen
    ]
    changed = changes(first.settings, second.settings)
    found = _compared(*seen)
    if found is None:
        without = [each.record.name for each in seen if each.answers is None]
        told = f"{' and '.join(without)} left no answers: only settings and curves compare."
        return _made(sides, changed, None, (told, ""))
    better, worse = sides if found.difference.value <= 0 else sides[::-1]
    made = ""
    if found.real:
        toward = changes(better.record.settings, worse.record.settings)
        made = cause(toward, worse.record.name, worse.explanation.findings, better.explanation.findings)
    return _made(sides, changed, found, (verdict(first.name, second.name, found), made))


def _made(
    sides: list[RunSide], changed: list[Change], found: Comparison | None, told: tuple[str, str]
) -> RunDiff:
    return RunDiff(
        first=sides[0],
        second=sides[1],
        settings=changed,
        surroundings=changes(_surroundings(sides[0].record), _surroundings(sides[1].record)),
        comparison=found,
        verdict=told[0],
        cause=told[1],
        caveat=CAVEAT if found else "",
    )


def _compared(first: Evidence, second: Evidence) -> Comparison | None:
    if first.answers is None or second.answers is None:
        return None
    return compare_answers(shared_examples(first.answers, second.answers))


def _surroundings(record: RunRecord) -> dict[str, Any]:
    kept = {name: value for name, value in record.data.items() if name not in LEAK_LISTS}
    machine = {name: record.environment.get(name) for name in MACHINE}
    return {"data": kept, "code": record.code, "machine": machine, "seeds": record.seeds, "kind": record.kind}


def _side_json(side: RunSide) -> dict[str, Any]:
    return {
        **side.record.to_json(),
        "epochs": side.history.to_json()["epochs"],
        "explanation": side.explanation.to_json(),
    }
