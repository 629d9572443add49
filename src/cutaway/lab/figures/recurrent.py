"""Memory lineage: what a cell holds at each word, split into the words that wrote it.

Legend: T words, H units, E numbers of a word vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from cutaway.core.errors import UsageError
from cutaway.core.trace import Recorder, Trace
from cutaway.lab.figures.figure import Explainer, Figure
from cutaway.lab.figures.offered import READER
from cutaway.lab.figures.reading import ReadText, read_text
from cutaway.lab.figures.why import Parts, Term, products, sigma, single
from cutaway.recurrent.lineage import lineage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cutaway.recurrent.lstm import LSTM

    Floats = NDArray[np.floating]

GATES = {"input_gate": 0, "forget_gate": 1, "candidate": 2, "output_gate": 3}


def memory(text: str, *, unit: int, model: str = READER) -> Figure:
    """Read a text, and split the state of one unit into old writes.

    Args:
        text: up to 64 words or characters of it are read.
        unit: which of the cell's units, from 0; the triangle is that unit's.
        model: an LSTM's name; see `read_text`.

    Returns:
        The gates, cell and hidden state (T, H) of every unit; `shares` (T, T) over all units; `triangle`
        (T, T), the lineage of the one unit, whose rows sum to `cell`.

    Raises:
        UsageError: there is no such unit.
    """
    read = read_text(text, model)
    plain = read.trace
    words, units = plain.labels["position"], plain["cell"].shape[1]
    if not 0 <= unit < units:
        raise UsageError(f"unit {unit}: this model has the units 0 to {units - 1}")
    rec = Recorder(f"memory of unit {unit}: {len(words)} words")
    rec.include(plain)
    rec.include(lineage(plain))
    rec.fact("unit", unit)
    whole = rec.finish()
    rec.keep(
        "triangle",
        whole["lineage"][:, :, unit],
        axes=("position", "written"),
        formula="A[t,s] = (∏ f_k, s < k ≤ t) · i_s · g_s",
        inputs=("forget_gate", "input_gate", "candidate"),
    )
    figure = rec.finish()
    more = {"units": units, "telling": _telling(whole), "left_out": read.left_out}
    return Figure(trace=figure, python=_python(read, unit), whys=_whys(figure, read.layer, unit), more=more)


def _telling(trace: Trace) -> list[int]:
    """Return the units whose last state weighs most, heaviest first."""
    return [int(at) for at in np.abs(trace["cell"][-1]).argsort()[::-1][:12]]


def _whys(trace: Trace, layer: LSTM, unit: int) -> dict[str, Explainer]:
    f, i, g, o, c = (
        trace[name] for name in ("forget_gate", "input_gate", "candidate", "output_gate", "cell")
    )
    words = trace.labels["position"]

    def written(at: tuple[int, ...]) -> Parts:
        t, s = at
        if s > t:
            return Parts(terms=[single(f"{words[s]} is not read yet", 0.0)])
        kept = [
            Term(label=words[n], factors=[("f", float(f[n, unit]))], value=float(f[n, unit]))
            for n in range(s + 1, t + 1)
        ]
        first = [("i", i[s, unit]), ("g", g[s, unit])]
        wrote = [Term(label=words[s], factors=[(name, float(v))], value=float(v)) for name, v in first]
        return Parts(terms=[*wrote, *kept], join="product")

    def cell(at: tuple[int, ...]) -> Parts:
        t, u = at
        old = [] if t == 0 else products(["kept of before"], ("f", "c before"), [f[t, u]], [c[t - 1, u]])
        return Parts(terms=[*old, *products(["written now"], ("i", "g"), [i[t, u]], [g[t, u]])])

    def hidden(at: tuple[int, ...]) -> Parts:
        t, u = at
        return Parts(terms=products(["let out"], ("o", "tanh c"), [o[t, u]], [math.tanh(c[t, u])]))

    whys: dict[str, Explainer] = {"triangle": written, "cell": cell, "hidden": hidden}
    return whys | {name: _gate(trace, layer, name) for name in GATES}


def _gate(trace: Trace, layer: LSTM, name: str) -> Explainer:
    """Say how a gate comes from the word's vector and the state before it."""
    tensors = [tensor.detach().numpy() for tensor in layer.weights("_l0")]
    weight_ih, weight_hh, bias_ih, bias_hh = tensors
    x, h, units = trace["inputs"], trace["hidden"], trace["hidden"].shape[1]
    squash = math.tanh if name == "candidate" else sigma

    def explainer(at: tuple[int, ...]) -> Parts:
        t, u = at
        row = GATES[name] * units + u
        terms = products(_numbered("x", x.shape[1]), ("x", "W"), x[t], weight_ih[row])
        if t:
            terms += products(_numbered("h", units), ("h before", "U"), h[t - 1], weight_hh[row])
        terms.append(single("bias", float(bias_ih[row]) + float(bias_hh[row])))
        return Parts(terms=terms, then="tanh of it" if name == "candidate" else "σ of it", last=squash)

    return explainer


def _numbered(name: str, count: int) -> Iterable[str]:
    return [f"{name} {at}" for at in range(count)]


def _python(read: ReadText, unit: int) -> str:
    return "\n".join(
        (
            *read.python,
            "from cutaway.recurrent.lineage import lineage",
            f'lineage(trace)["lineage"][:, :, {unit}]  # row t sums to trace["cell"][t, {unit}]',
        )
    )
