"""Which model answered: a digest of everything that decides its answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutaway.finetuning.classifier import Classifier

DIGITS = 16


def version_of(classifier: Classifier) -> str:
    """Return the first 16 hex digits of the sha256 of a classifier's settings and weights.

    Args:
        classifier: adapters merged; the same model stored twice has one version.
    """
    digest = hashlib.sha256()
    settings = classifier.settings
    digest.update(json.dumps([settings.labels, asdict(settings.inputs)]).encode())
    for name, weight in sorted(classifier.named_parameters()):
        digest.update(f"{name} {list(weight.shape)} {weight.dtype}".encode())
        digest.update(weight.detach().contiguous().cpu().numpy().data)
    return digest.hexdigest()[:DIGITS]
