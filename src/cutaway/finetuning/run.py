"""A run: what one training left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cutaway.training.loop import History

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier
    from cutaway.finetuning.runs.record import RunRecord


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished training.

    Attributes:
        folder: model.safetensors, config.json, settings.json, history.json, predictions.parquet, the
            reports report.html and report.md, and the model card README.md.
        history: every step and epoch.
        measures: the best epoch's held-out loss (nats), accuracy and calibration error.
    """

    folder: Path
    history: History
    measures: dict[str, float]

    @property
    def record(self) -> RunRecord:
        """The run's record: settings, data, code, environment, measures."""
        from cutaway.finetuning.runs.recorder import read_record

        return read_record(self.folder)

    def classifier(self) -> Classifier:
        """Load the trained classifier."""
        from cutaway.finetuning.saved import load_classifier

        return load_classifier(self.folder)

    def _repr_html_(self) -> str:
        """The run in a notebook: measures, findings, losses."""
        from cutaway.finetuning.runs.evidence import evidence_of
        from cutaway.finetuning.runs.page import fragment

        return fragment(evidence_of(self.record))
