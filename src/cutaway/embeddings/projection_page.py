"""A projection as one HTML file: points to point at, and the true neighbors of each. It loads nothing."""

from __future__ import annotations

import html
import json
from importlib.resources import files

from cutaway.embeddings.projection import Projection

_NAMES = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}


def projection_page(found: Projection, title: str) -> str:
    """Return a projection as one self-contained, interactive page.

    Args:
        found: from `project`.
        title: what was projected, such as the name of the vectors.

    Returns:
        HTML: the neighbors of the word that is pointed at, moved to by arrow keys or typed are those of the
        whole table. It is light or dark as the reader's system is, and loads nothing.
    """
    data = {
        "words": found.words,
        "points": _rounded(found),
        "neighbors": [[(near.word, round(near.similarity, 4)) for near in row] for row in found.neighbors],
    }
    # Whatever a word holds, it cannot end the script element that it stands in.
    embedded = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    about = f"{len(found.words):,} words by {_NAMES[found.method]}"
    if found.explained:
        about += f", which keep {sum(found.explained):.0%} of their variance"
    drag = "turn" if found.points.shape[1] > 2 else "move"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_file("css")}</style>
<main>
<h1>{html.escape(title)}<small>{html.escape(about)}</small></h1>
<canvas tabindex="0" role="application"
aria-label="Words as points: arrow keys go from word to word"></canvas>
<aside>
<label>Find a word<input autocomplete="off" spellcheck="false"></label>
<div aria-live="polite"><h2></h2><table><tbody></tbody></table></div>
<p>Listed are the nearest words of the whole table, by cosine; those in the picture are lit there. What
lies close in a picture need not be close.</p>
<p>Point at a word or go there with the arrow keys; drag to {drag}, scroll or + and − to zoom, 0 to see
all.</p>
</aside>
</main>
<script type="application/json" id="data">{embedded}</script>
<script>{_file("js")}</script>
</html>
"""


def _rounded(found: Projection) -> list[list[float]]:
    """Return the points with as many digits as a screen can show."""
    reach = float(abs(found.points).max()) or 1.0
    rounded: list[list[float]] = (found.points / reach).round(5).tolist()
    return rounded


def _file(kind: str) -> str:
    return files("cutaway.embeddings").joinpath(f"projection_page.{kind}").read_text(encoding="utf-8")
