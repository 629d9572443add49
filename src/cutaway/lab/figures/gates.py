"""Two more figures of room 3: a gate set by hand, and how far back a gradient reaches.

Legend: T words, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure, literal
from cutaway.lab.figures.offered import READER
from cutaway.lab.figures.reading import read_text, reader_of
from cutaway.lab.figures.recurrent import GATES
from cutaway.lab.figures.why import Parts, single

if TYPE_CHECKING:
    from cutaway.finetuning.reader import Reader

STEPS = 40
UNITS = 32
RADII = (0.5, 0.9, 1.0, 1.1)
LINES = ("RNN", "GRU", "LSTM", "LSTM cell", "attention")


@dataclass(frozen=True, kw_only=True)
class Valve:
    """One gate set by hand.

    Attributes:
        gate: "forget_gate", "input_gate" or "output_gate".
        word: at which word, from 0.
        unit: of which unit; −1 stands for all of them.
        value: 0 shuts it, 1 opens it.
    """

    gate: str
    word: int
    unit: int
    value: float


def valve(text: str, setting: Valve, *, model: str = READER) -> Figure:
    """Read a text twice, as it is and with a gate set by hand, and say what changes from there on.

    Args:
        text: up to 64 words of it are read.
        setting: the gate.
        model: a recurrent classifier's name.

    Returns:
        `answers` (2, T): P(the last label) if the text ended after each word, plain and changed; `lengths`
        (T): how far the hidden state moved; `change_hidden`, `change_cell` (T, H).
    """
    from cutaway.recurrent.rows import Override
    from cutaway.recurrent.what_if import what_if

    whole, read = read_text(text, model), reader_of(model)
    plain = whole.trace
    read_words = plain.labels["position"]
    layer, units = read.model.lstm, plain["hidden"].shape[1]
    _check(setting, len(read_words), units)
    chosen = range(units) if setting.unit < 0 else (setting.unit,)
    overrides = [
        Override(gate=setting.gate, step=setting.word, unit=unit, value=setting.value) for unit in chosen
    ]
    x = torch.from_numpy(plain["inputs"].copy())
    with torch.no_grad():
        made = what_if(layer, x, overrides)
    rec = Recorder(f"{setting.gate} at {read_words[setting.word]} set to {setting.value:g}")
    rec.include(made)
    for axis in ("position", "word"):
        rec.label(axis, read_words)
    rec.label("reading", ("as computed", "as set"))
    _keep_answers(rec, read, (plain, made))
    trace = rec.finish()
    was = plain[setting.gate][setting.word, list(chosen)].mean()
    more = {"units": units, "label": read.model.settings.labels[-1], "was": float(was)}
    drawn = ("answers", "lengths", "change_hidden", "change_cell")
    return Figure(
        trace=trace,
        python=_python_valve(whole.python, setting),
        whys=_whys(trace, plain),
        more=more,
        drawn=drawn,
    )


def _check(setting: Valve, words: int, units: int) -> None:
    if setting.gate not in GATES or setting.gate == "candidate":
        raise UsageError(f"there is no gate {setting.gate!r}: set forget_gate, input_gate or output_gate")
    if not 0 <= setting.word < words:
        raise UsageError(f"word {setting.word}: the text has the words 0 to {words - 1}")
    if not -1 <= setting.unit < units:
        raise UsageError(f"unit {setting.unit}: this model has the units 0 to {units - 1}, and -1 for all")
    if not 0 <= setting.value <= 1:
        raise UsageError(f"a gate stands between 0 and 1, not at {setting.value:g}")


def _keep_answers(rec: Recorder, read: Reader, readings: Sequence[Trace]) -> None:
    """Ask the head after every word of both readings."""
    weight, bias = read.model.head.weight, read.model.head.bias
    answers = []
    with torch.no_grad():
        for reading in readings:
            states = torch.from_numpy(reading["hidden"].copy())
            logits = [weight @ read.model.pool.one(states[:end]) + bias for end in range(1, len(states) + 1)]
            answers.append([float(torch.softmax(one, dim=0)[-1]) for one in logits])
    rec.keep(
        "answers",
        np.array(answers),
        axes=("reading", "word"),
        formula="pₜ = softmax(W pool(h₁ … hₜ) + b), of the last label",
        inputs=("hidden",),
    )
    rec.keep(
        "lengths",
        np.sqrt((rec.finish()["change_hidden"] ** 2).sum(axis=1)),
        axes=("word",),
        formula="‖h as set − h as computed‖",
        inputs=("change_hidden",),
    )


def _whys(trace: Trace, plain: Trace) -> dict[str, Explainer]:
    def of(name: str) -> Explainer:
        def explainer(at: tuple[int, ...]) -> Parts:
            terms = [single("as set", trace[name][at]), single("less as computed", -float(plain[name][at]))]
            return Parts(terms=terms)

        return explainer

    return {f"change_{name}": of(name) for name in ("hidden", "cell")}


def fading(gate_bias: float) -> Figure:
    """Measure how long the gradient of a loss is at every step back from it.

    Args:
        gate_bias: added to what the forget and update gates see; 0 leaves them half open.

    Returns:
        `measure_gradients` over 40 steps, 32 units, 4 radii of the recurrent weights.
    """
    from cutaway.recurrent.gradients import GradientSettings, measure_gradients

    settings = GradientSettings(steps=STEPS, units=UNITS, radii=RADII, gate_bias=gate_bias, sequences=4)
    trace = measure_gradients(settings)
    return Figure(trace=trace, python=_python_fading(gate_bias), more={"lines": list(LINES)})


def _python_valve(reading: Sequence[str], setting: Valve) -> str:
    units = 'range(trace["hidden"].shape[1])' if setting.unit < 0 else f"({setting.unit},)"
    override = (
        f"Override(gate={literal(setting.gate)}, step={setting.word}, unit=unit, value={setting.value!r})"
    )
    return "\n".join(
        (
            "import torch",
            *reading,
            "from cutaway.recurrent.rows import Override",
            "from cutaway.recurrent.what_if import what_if",
            f"gates = [{override} for unit in {units}]",
            'what_if(reader.model.lstm, torch.tensor(trace["inputs"]), gates)["change_hidden"]',
        )
    )


def _python_fading(gate_bias: float) -> str:
    return "\n".join(
        (
            "from cutaway.recurrent.gradients import GradientSettings, measure_gradients",
            f"settings = GradientSettings(steps={STEPS}, units={UNITS}, radii={RADII}, "
            f"gate_bias={gate_bias!r}, sequences=4)",
            'measure_gradients(settings)["LSTM"]',
        )
    )
