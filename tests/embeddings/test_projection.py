"""Words as points: PCA against scikit-learn, true neighbors, the page, and refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cutaway.cli.main import main
from cutaway.core.errors import UsageError
from cutaway.embeddings.projection import principal_components, project
from cutaway.embeddings.projection_page import projection_page
from cutaway.embeddings.vectors import WordVectors

RANDOM = np.random.default_rng(0)
WORDS = ["</script><b>", "two words".replace(" ", "_"), "é", *(f"w{at}" for at in range(37))]
TABLE = WordVectors(WORDS, RANDOM.standard_normal((40, 12)).astype(np.float32))


def test_principal_components_equal_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    rows = RANDOM.standard_normal((30, 8)) * np.arange(1, 9)
    points, shares = principal_components(rows, 3)
    reference = PCA(n_components=3, svd_solver="full").fit(rows)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(rows)), atol=1e-10)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_, atol=1e-12)
    assert all(points[np.abs(points[:, k]).argmax(), k] > 0 for k in range(3))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_neighbors_are_those_of_the_whole_table(dimensions: int) -> None:
    found = project(TABLE, WORDS[:6], dimensions=dimensions)
    assert found.points.shape == (6, dimensions)
    for word, row in zip(found.words, found.neighbors, strict=True):
        true = TABLE.most_similar(word, topn=8)
        assert [near.word for near in row] == [near.word for near in true]
        np.testing.assert_allclose(
            [near.similarity for near in row], [near.similarity for near in true], atol=1e-12
        )


def test_page_holds_every_word_as_text_and_loads_nothing() -> None:
    page = projection_page(project(TABLE, WORDS), "<my vectors>")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    assert data["words"] == WORDS
    assert data["neighbors"][0][0][0] == TABLE.most_similar(WORDS[0], topn=1)[0].word
    assert "&lt;my vectors&gt;" in page
    assert not re.search(r"https?:|src=|@import|url\(", page)


def test_a_word_of_zeros_and_equal_vectors_have_their_points() -> None:
    flat = WordVectors(["a", "b", "c", "zero"], [[1, 0], [1, 0], [1, 0], [0, 0]])
    found = project(flat, ["a", "b", "c", "zero", "a"])
    assert found.words == ("a", "b", "c", "zero")
    assert found.neighbors[3] == ()
    assert np.isfinite(found.points).all()


def test_wrong_use_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="3 words cannot be laid out"):
        project(TABLE, ["w1", "w2", "w3", "w1"])
    with pytest.raises(UsageError, match="method is 'mds'"):
        project(TABLE, WORDS, method="mds")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="dimensions is 4"):
        project(TABLE, WORDS, dimensions=4)
    path = tmp_path / "table.txt"
    path.write_text("a 1 0\nb 0 1\nc 1 1\nd 0.5 1\n")
    out = tmp_path / "page.html"
    assert main(["vectors", "project", "--vectors", str(path), "--out", str(out)]) == 0
    assert "4 of 4 words by pca" in capsys.readouterr().out
    assert out.read_text().startswith("<!doctype html>")
    assert main(["vectors", "project", "--vectors", str(path), "--out", "page.png"]) == 2
    assert main(["vectors", "project", "a", "b", "c", "nope", "--vectors", str(path)]) == 1
    assert "nope" in capsys.readouterr().err
