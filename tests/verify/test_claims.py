"""The README's table is the claims, and every claim has a measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cutaway.cli.main import main
from cutaway.verify import measures
from cutaway.verify.claims import Claim, claims, markdown
from cutaway.verify.measures import MEASURES

README = Path(__file__).parents[2] / "README.md"


def test_every_claim_has_a_measure_and_every_measure_a_claim() -> None:
    assert [claim.name for claim in claims()] == list(MEASURES)


def test_the_readme_shows_the_claims_as_they_are() -> None:
    assert markdown() in README.read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    assert README.read_text(encoding="utf-8").count("\n") <= 150


@pytest.mark.parametrize(
    ("holds", "measured", "verdict"),
    [
        ("equal", 0.78391, True),
        ("equal", 0.7838, False),
        ("at least", 0.7839, True),
        ("at least", 0.7838, False),
        ("at most", 0.7839, True),
        ("at most", 0.784, False),
    ],
)
def test_when_a_measured_figure_bears_a_claim_out(holds: str, measured: float, verdict: bool) -> None:
    claim = Claim(name="n", says="s", value=0.7839, holds=holds, shown="{:.4f}")  # type: ignore[arg-type]
    assert claim.borne_out(measured) is verdict


def test_a_claim_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--only", "king_queen", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["claimed"], row["measured"], row["verdict"]) == ("0.7839", "0.7839", "holds")


def test_a_claim_that_differs_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(measures.MEASURES, "king_queen", lambda told: 0.5)
    assert main(["verify", "--only", "king_queen"]) == 1
    assert "differs" in capsys.readouterr().out


def test_what_cannot_be_measured_is_said_and_never_passes(
    offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--only", "tokenizer_equal", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["measured"] is None
    assert row["verdict"].startswith("not measured: the imdb reviews are not here")


def test_an_unknown_claim_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--only", "everything"]) == 1
    assert "king_queen" in capsys.readouterr().err
