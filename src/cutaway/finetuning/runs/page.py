"""A run as one HTML page: no script, nothing from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from cutaway.core.files import write_text
from cutaway.core.version import VERSION
from cutaway.finetuning.measures.all_measures import Measures, cell_rows, measure_all
from cutaway.finetuning.runs.charts import curve_chart, loss_chart, reliability_chart, step_chart
from cutaway.finetuning.runs.evidence import Evidence
from cutaway.finetuning.runs.explain import Explanation, explain_evidence
from cutaway.finetuning.runs.labelled_plan import LEAK_LISTS
from cutaway.finetuning.runs.page_style import STYLE
from cutaway.finetuning.runs.predictions import Answers
from cutaway.finetuning.runs.record import RunRecord
from cutaway.finetuning.runs.settings import flat

PAGE = "report.html"
SHOWN_ROWS = 25  # examples of a cell of the confusion matrix
SHOWN_CHARACTERS = 1200
SHOWN_CLASSES = 30
SHOWN_CELLS = 12  # of the confusion matrix, the fullest
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_page(seen: Evidence, out: Path | None = None) -> Path:
    """Write a run's page.

    Args:
        seen: the run.
        out: the file; by default report.html in the run's folder.

    Returns:
        The file.
    """
    path = out or seen.record.folder / PAGE
    write_text(path, run_page(seen))
    return path


def run_page(seen: Evidence) -> str:
    """Return a run as a page that loads nothing and runs nothing.

    Args:
        seen: the run.
    """
    record = seen.record
    title = f"{escape(record.name)}, a run of Cutaway"
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head>'
        '<body class="run"><main>'
    )
    measures = measure_all(seen.answers) if seen.answers is not None and len(seen.answers) else None
    parts = [head, *_opening(record, measures), *_findings(explain_evidence(seen)), *_curves(seen)]
    if measures and seen.answers is not None:
        parts += [*_classes(measures), *_calibration(measures), *_errors(seen.answers, measures)]
    parts += [*_settings(record), f'<p class="soft">Cutaway {VERSION}</p></main></body></html>\n']
    return "".join(parts)


def fragment(seen: Evidence) -> str:
    """Return the top of a run's page for a notebook: measures, findings, losses.

    Args:
        seen: the run.
    """
    measures = measure_all(seen.answers) if seen.answers is not None and len(seen.answers) else None
    parts = [*_opening(seen.record, measures), *_findings(explain_evidence(seen))]
    if seen.history.steps:
        parts.append(loss_chart(seen.history, seen.record.data.get("classes")))
    return f'<div class="run"><style>{STYLE}</style>{"".join(parts)}</div>'


def _opening(record: RunRecord, measures: Measures | None) -> Iterator[str]:
    yield f"<h1>{escape(record.name)}</h1>"
    note = f": {escape(record.note)}" if record.note else ""
    when = record.started[:16].replace("T", " ")
    yield f'<p class="soft">{record.kind}, {record.status}{note}; started {when} UTC; id {record.id}</p>'
    facts: list[tuple[str, str]] = []
    if measures:
        sure = measures.accuracy
        facts = [
            (f"{sure.value:.1%}", f"held-out accuracy, {sure.low:.1%} to {sure.high:.1%} (95 %)"),
            (f"{measures.macro_f1.value:.1%}", "macro F1"),
            (f"{measures.log_loss.value:.3f}", "log loss, nats"),
            (f"{measures.calibration_error:.3f}", "calibration error"),
            (f"{measures.rows:,}", "held-out examples"),
        ]
    else:
        facts = [(f"{value:.4f}", name.replace("_", " ")) for name, value in record.measures.items()]
    yield '<div class="facts">'
    yield from (f"<div><b>{escape(value)}</b>{escape(name)}</div>" for value, name in facts)
    yield "</div>"


def _findings(found: Explanation) -> Iterator[str]:
    yield "<h2>What the numbers say</h2>"
    if found.point:
        yield f"<p>{escape(_begin(found.point.sentence()))}.</p>"
    if not found.findings:
        yield f"<p>Nothing found by {len(found.asked)} rules.</p>"
    told = (
        f"<li><b>{escape(_begin(each.rule))}</b>: {escape(each.sentence)}. "
        f'<span class="soft">{escape(_begin(each.advice))}.</span></li>'
        for each in found.findings
    )
    yield f"<ul>{''.join(told)}</ul>"


def _curves(seen: Evidence) -> Iterator[str]:
    history = seen.history
    if not history.steps:
        return
    yield "<h2>Curves</h2>"
    yield f'<div class="wide">{loss_chart(history, seen.record.data.get("classes"))}</div><div class="row">'
    yield step_chart(history, "rate", "learning rate")
    if history.steps[0].gradient_norm is not None:
        yield step_chart(history, "gradient_norm", "gradient norm")
    yield "</div>"
    if not history.epochs:
        return
    names = list(history.epochs[0].validation)
    rows = [
        (
            str(epoch.epoch),
            f"{epoch.training_loss:.4f}",
            *(f"{epoch.validation[name]:.4f}" for name in names),
            "kept" if epoch is history.best else "",
        )
        for epoch in history.epochs
    ]
    titles = [f"held-out {name}".replace("_", " ") for name in names]
    yield _table(("epoch", "training loss", *titles, ""), rows)


def _classes(measures: Measures) -> Iterator[str]:
    yield '<h2>By class</h2><div class="row">'
    rows = [
        (name, f"{s.support:,}", f"{s.precision:.1%}", f"{s.recall:.1%}", f"{s.f1:.1%}")
        for name, s in zip(measures.classes, measures.by_class, strict=True)
    ]
    yield _table(("class", "rows", "precision", "recall", "F1"), rows)
    if len(measures.classes) <= SHOWN_CLASSES:
        yield _confusion(measures)
    yield '</div><div class="row">'
    shown = measures.curves[1:] if len(measures.curves) == 2 else measures.curves
    names = measures.classes[1:] if len(measures.curves) == 2 else measures.classes
    both = list(zip(names, shown, strict=True))
    roc = [(name, each.roc) for name, each in both if each.roc]
    recall = [(name, each.precision_recall) for name, each in both if each.precision_recall]
    if roc and measures.roc_auc is not None:
        axes = ("false positive rate", "true positive rate")
        yield f"<div><h3>ROC, area {measures.roc_auc:.4f}</h3>{curve_chart(roc, axes, 'ROC curve')}</div>"
    if recall and measures.average_precision is not None:
        drawn = curve_chart(recall, ("recall", "precision"), "precision against recall")
        yield f"<div><h3>Precision and recall, area {measures.average_precision:.4f}</h3>{drawn}</div>"
    yield "</div>"


def _confusion(measures: Measures) -> str:
    """Counts; those of mistakes lead to their rows."""
    head = "".join(f"<th>{escape(name)}</th>" for name in measures.classes)
    rows, shown = [], _mistaken(measures)
    for truth, counts in enumerate(measures.confusion.tolist()):
        cells = "".join(_cell((truth, answer), count, shown) for answer, count in enumerate(counts))
        rows.append(f"<tr><th>{escape(measures.classes[truth])}</th>{cells}</tr>")
    return (
        f"<table><thead><tr><th>truth \\ answer</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(place: tuple[int, int], count: int, shown: Sequence[tuple[int, int]]) -> str:
    told = f"{count:,}"
    linked = f'<a href="#c{place[0]}-{place[1]}">{told}</a>' if place in shown else told
    return f'<td class="n">{linked}</td>'


def _mistaken(measures: Measures) -> list[tuple[int, int]]:
    """The cells of mistakes whose rows are shown, the fullest first."""
    counts, size = measures.confusion, len(measures.classes)
    cells = [(t, a) for t in range(size) for a in range(size) if t != a and counts[t, a]]
    return sorted(cells, key=lambda cell: -int(counts[cell]))[:SHOWN_CELLS]


def _calibration(measures: Measures) -> Iterator[str]:
    way = "more" if measures.overconfidence > 0 else "less"
    yield "<h2>Calibration</h2>"
    yield (
        f"<p>Expected calibration error {measures.calibration_error:.3f}: on the mean the model is "
        f"{abs(measures.overconfidence):.1%} {way} sure than it is right.</p>"
    )
    yield reliability_chart(measures.bins)


def _errors(answers: Answers, measures: Measures) -> Iterator[str]:
    yield "<h2>Mistakes, the most confident first</h2>"
    cells = _mistaken(measures)
    if not cells:
        yield "<p>None.</p>"
    for truth, answer in cells:
        count = int(measures.confusion[truth, answer])
        names = f"{escape(answers.classes[truth])}, answered {escape(answers.classes[answer])}"
        shown = "" if count <= SHOWN_ROWS else f", {SHOWN_ROWS} shown"
        yield f'<details id="c{truth}-{answer}" open><summary>{names}: {count:,}{shown}</summary>'
        rows = cell_rows(answers, truth, answer)[:SHOWN_ROWS].tolist()
        yield '<div class="wide"><table><thead><tr><th>row</th><th>sure</th><th>text</th></tr></thead><tbody>'
        for at in rows:
            yield (
                f'<tr><td class="n">{answers.rows[at] + 1:,}</td>'
                f'<td class="n wrong">{answers.probabilities[at, answer]:.3f}</td>'
                f'<td><span class="text" tabindex="0">{_start(answers.texts[at])}</span></td></tr>'
            )
        yield "</tbody></table></div></details>"


def _settings(record: RunRecord) -> Iterator[str]:
    told = {name: value for name, value in record.data.items() if name not in LEAK_LISTS}
    machine = {name: value for name, value in record.environment.items() if name not in ("process", "host")}
    for title, values in (
        ("Settings", flat(record.settings)),
        ("Data", flat(told)),
        ("Code and machine", {"code": record.code, **machine, **flat({"seed": record.seeds})}),
    ):
        rows = [(name, str(value)) for name, value in values.items()]
        yield f"<h2>{title}</h2>{_table(('name', 'value'), rows)}"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _start(text: str) -> str:
    cut = len(text) > SHOWN_CHARACTERS
    return escape(text[:SHOWN_CHARACTERS]) + ("…" if cut else "")
