"""`runs explain`: every rule, asked about one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cutaway.finetuning.runs import rules_of_answers, rules_of_curves
from cutaway.finetuning.runs.evidence import Evidence, Finding, evidence_of
from cutaway.finetuning.runs.overfitting import OverfittingPoint, overfitting_point
from cutaway.finetuning.runs.record import RunRecord

RULES = (*rules_of_curves.RULES, *rules_of_answers.RULES)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a run's numbers say.

    Attributes:
        record: of the run.
        point: where held-out loss was lowest; None if no epoch was finished.
        findings: what the rules found, in their order.
        asked: the names of all rules' functions.
    """

    record: RunRecord
    point: OverfittingPoint | None
    findings: list[Finding]
    asked: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as plain values."""
        return {
            "run": self.record.name,
            "id": self.record.id,
            "point": asdict(self.point) if self.point else None,
            "findings": [asdict(finding) for finding in self.findings],
            "asked": list(self.asked),
        }


def explain(record: RunRecord) -> Explanation:
    """Ask every rule about a run.

    Args:
        record: of the run; its folder is read.

    Returns:
        What was found.
    """
    return explain_evidence(evidence_of(record))


def explain_evidence(seen: Evidence) -> Explanation:
    """Ask every rule about a run that was read.

    Args:
        seen: the run.
    """
    answered = (rule(seen) for rule in RULES)
    return Explanation(
        record=seen.record,
        point=overfitting_point(seen.history),
        findings=[finding for finding in answered if finding],
        asked=tuple(rule.__name__ for rule in RULES),
    )
