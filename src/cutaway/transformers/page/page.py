"""The attention of one text as a page: it loads nothing from anywhere, and runs one script of its own.

The page's numbers are those of the traces, in JSON that the script draws; weights are rounded to 1/65,535.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.core.errors import UsageError
from cutaway.core.shades import SCALES, SHADES, fill_rule
from cutaway.core.trace import Trace
from cutaway.core.version import VERSION
from cutaway.transformers.explanation import WARNING, Explanation
from cutaway.transformers.heads import measure_heads, most_telling
from cutaway.transformers.rollout import rollout

TOKENS_DRAWN = 96  # a page grows with the square of this
MEASURES = ("previous", "next", "first", "separator", "same", "entropy")
_FIXED = 65535
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What the page says before its figures.

    Attributes:
        model: its name.
        text: as it was given.
        likeliest: the likeliest answers and their probabilities; none where the model answers nothing.
    """

    model: str
    text: str
    likeliest: tuple[tuple[str, float], ...] = ()


def attention_page(heading: Heading, trace: Trace, explained: Explanation | None = None) -> str:
    """Return the page.

    Args:
        heading: model, text and answers.
        trace: of the text, with `weights`, `ids` and the tokens' labels.
        explained: the answer; a model without a head has none, and its page ends with the rollout.

    Returns:
        HTML, light or dark as the reader's system is.
    """
    data = _json(_data(heading, trace, explained))
    script = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("charts.js", "page.js"))
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    shades = (fill_rule(scale, level) for scale in SCALES for level in range(SHADES + 1))
    style = (_HERE / "page.css").read_text(encoding="utf-8") + "\n".join(shades)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Attention: {html.escape(heading.text[:60])}</title><style>{style}</style></head>\n"
        "<body><main id='page'><noscript>The figures of this page are drawn by its own script: allow it."
        f"</noscript></main><footer>Made by cutaway {VERSION}.</footer>\n"
        f"<script type='application/json' id='data'>{data}</script>\n<script>{script}</script>"
        "</body></html>\n"
    )


def check_tokens(count: int) -> None:
    """Refuse a text of more tokens than a page can draw, before anything is computed.

    Args:
        count: of tokens.

    Raises:
        UsageError: there are too many.
    """
    if count > TOKENS_DRAWN:
        raise UsageError(f"a page draws {TOKENS_DRAWN} tokens at most, this text has {count}: shorten it")


def _json(data: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _data(heading: Heading, trace: Trace, explained: Explanation | None) -> dict[str, Any]:
    measures, telling = measure_heads(trace), most_telling(trace, topn=1)
    layers, heads, count = trace["weights"].shape[:3]
    return {
        "model": heading.model,
        "text": heading.text,
        "likeliest": [list(one) for one in heading.likeliest],
        "tokens": list(trace.labels.get("key", tuple(map(str, trace["ids"])))),
        "layers": layers,
        "heads": heads,
        "shades": SHADES,
        "fixed": _FIXED,
        "start": [telling[0].layer, telling[0].head] if telling else [0, 0],
        "most_entropy": float(np.log(count)),
        "measures": {
            name: {"formula": measures.step(name).formula, "values": _list(measures[name])}
            for name in MEASURES
        },
        "weights": _packed(trace["weights"]),
        "rollout": _packed(rollout(trace)["rollout"]),
        "warning": WARNING,
        "answer": _answer(explained) if explained else None,
    }


def _answer(explained: Explanation) -> dict[str, Any]:
    entries, without = explained.ledger, explained.without
    return {
        "name": explained.question.readout.name,
        "value": explained.answer,
        "total": float(entries["total"]),
        "parts": [
            {"name": part.name, "layer": part.layer, "head": part.head, "part": part.contribution}
            for part in explained.parts()
        ],
        "wrote": {"heads": _list(entries["head_part"]), "feed": _list(entries["feed_forward_part"])},
        "change": {"heads": _list(without["head_change"]), "feed": _list(without["feed_forward_change"])},
        "tokens": {
            "slopes": _list(explained.slopes["attribution"]),
            "integrated": _list(explained.integrated["attribution"]),
            "baseline": float(explained.integrated["baseline_answer"]),
        },
    }


def _list(values: NDArray[Any]) -> Any:
    return np.asarray(values, dtype=np.float64).tolist()


def _packed(weights: NDArray[Any]) -> str:
    """Weights from 0 to 1 as 16-bit integers, little-endian, in base64."""
    fixed = np.rint(np.clip(weights, 0, 1) * _FIXED).astype("<u2")
    return base64.b64encode(np.ascontiguousarray(fixed).tobytes()).decode("ascii")
