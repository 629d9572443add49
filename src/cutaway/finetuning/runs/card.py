"""The model card of a run: README.md with the header that the hub reads, every figure from the record."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from shlex import quote

from cutaway.core.files import write_text
from cutaway.core.version import VERSION
from cutaway.finetuning.measures.all_measures import Measures, measure_all
from cutaway.finetuning.runs.evidence import Evidence
from cutaway.finetuning.runs.explain import explain_evidence
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.settings import flat

CARD = "README.md"


def write_card(seen: Evidence) -> Path:
    """Write README.md into a run's folder.

    Args:
        seen: the run, with its answers.

    Returns:
        The file.
    """
    path = seen.record.folder / CARD
    write_text(path, model_card(seen))
    return path


def model_card(seen: Evidence) -> str:
    """Return the card: what the model is, for what, how good, made how, and what is known against it.

    Args:
        seen: the run.
    """
    record = seen.record
    measures = measure_all(seen.answers) if seen.answers is not None and len(seen.answers) else None
    found = explain_evidence(seen).findings
    base = str(record.settings.get("model", ""))
    lines = [*_header(base, measures), f"# {_inline(record.name)}", ""]
    lines += [f"A text classifier: {_inline(base)} fine-tuned with Cutaway {VERSION}.", ""]
    if measures:
        lines += [f"Classes: {', '.join(_inline(name) for name in measures.classes)}.", ""]
    folder = quote(record.folder.name.replace("`", ""))
    lines += ["## Use", "", "```", f'cutaway predict {folder} "A text."', "```", ""]
    lines += [*_figures(measures), *_training(record)]
    lines += ["## Known limits", ""]
    lines += [f"- {_inline(each.rule)}: {_inline(each.sentence)}." for each in found]
    lines += [
        "- Judged on held-out rows of its own training data only: on other texts it may be worse.",
        "- It answers with one of its classes, whatever the text.",
        "",
    ]
    return "\n".join(lines)


def _header(base: str, measures: Measures | None) -> list[str]:
    """The YAML that the hub reads; JSON strings are YAML strings."""
    lines = ["---", "library_name: cutaway", "pipeline_tag: text-classification"]
    if base:
        lines.append(f"base_model: {json.dumps(base, ensure_ascii=False)}")
    lines += ["tags:", "- text-classification", "- cutaway"]
    if measures:
        lines += ["metrics:", "- accuracy", "- f1"]
    return [*lines, "---", ""]


def _figures(measures: Measures | None) -> list[str]:
    if measures is None:
        return []
    a, f, loss = measures.accuracy, measures.macro_f1, measures.log_loss
    lines = [
        f"## On {measures.rows:,} held-out examples",
        "",
        "| measure | value | 95 % interval |",
        "|---|---|---|",
        f"| accuracy | {a.value:.2%} | {a.low:.2%} to {a.high:.2%} |",
        f"| macro F1 | {f.value:.2%} | {f.low:.2%} to {f.high:.2%} |",
        f"| log loss, nats | {loss.value:.4f} | {loss.low:.4f} to {loss.high:.4f} |",
        f"| Matthews correlation | {measures.matthews:.4f} | |",
    ]
    if measures.roc_auc is not None:
        lines.append(f"| ROC AUC | {measures.roc_auc:.4f} | |")
    lines += [f"| expected calibration error | {measures.calibration_error:.4f} | |", ""]
    lines += ["| class | rows | precision | recall | F1 |", "|---|---|---|---|---|"]
    for name, s in zip(measures.classes, measures.by_class, strict=True):
        lines.append(f"| {_inline(name)} | {s.support:,} | {s.precision:.2%} | {s.recall:.2%} | {s.f1:.2%} |")
    return [*lines, ""]


def _training(record: RunRecord) -> list[str]:
    data, machine = record.data, record.environment
    lines = ["## Training", "", "| | |", "|---|---|"]
    lines.append(f"| data | {_inline(str(data.get('source')))}, sha256 {str(data.get('sha256'))[:16]} |")
    lines.append(f"| rows | {data.get('training')} for training, {data.get('held_out')} held out |")
    lines.append(
        f"| code | cutaway {record.code}, torch {machine.get('torch')}, Python {machine.get('python')} |"
    )
    lines.append(f"| machine | {machine.get('cpu')}, {machine.get('threads')} threads |")
    lines += [f"| {name} | {_inline(str(value))} |" for name, value in flat(record.settings).items()]
    return [*lines, ""]


def _inline(text: str) -> str:
    """Text on one line in which no character means anything to Markdown or HTML."""
    line = escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", line)
