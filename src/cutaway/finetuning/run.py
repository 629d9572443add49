"""A run: what one training left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cutaway.training.loop import History

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished training.

    Attributes:
        folder: model.safetensors, config.json, settings.json, history.json and report.md.
        history: every step and epoch.
        measures: the best epoch's held-out loss (nats), accuracy and calibration error.
    """

    folder: Path
    history: History
    measures: dict[str, float]

    def classifier(self) -> Classifier:
        """Load the trained classifier."""
        from cutaway.finetuning.saved import load_classifier

        return load_classifier(self.folder)
