"""What is claimed: the figures, how they read, and when a measured one bears them out."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

CLAIMS = Path(__file__).with_name("claims.toml")

Holds = Literal["equal", "at least", "at most"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One figure of the README.

    Attributes:
        name: the measure that measures it.
        says: what it is the figure of.
        value: the figure.
        holds: how a measured one must relate to it.
        shown: how the figure is written, a format with one place.
    """

    name: str
    says: str
    value: float
    holds: Holds
    shown: str

    def write(self, value: float) -> str:
        """Return a figure as the table writes it.

        Args:
            value: claimed or measured.

        Example:
            >>> claim = Claim(name="n", says="s", value=0.9, holds="equal", shown="{:.1%}")
            >>> claim.write(0.9123)
            '91.2%'
        """
        return self.shown.format(value)

    def borne_out(self, measured: float) -> bool:
        """Say whether a measured figure bears the claim out.

        Args:
            measured: the figure of this machine.
        """
        if self.holds == "at least":
            return measured >= self.value
        if self.holds == "at most":
            return measured <= self.value
        return self.write(measured) == self.write(self.value)


@cache
def claims() -> tuple[Claim, ...]:
    """Return every claim, in the order of the file."""
    table = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))
    return tuple(Claim(name=name, **fields) for name, fields in table.items())


def markdown() -> str:
    """Return the README's table."""
    lines = ["| what | figure |", "|---|---|"]
    for claim in claims():
        prefix = "" if claim.holds == "equal" else f"{claim.holds} "
        lines.append(f"| {claim.says} | {prefix}{claim.write(claim.value)} |")
    return "\n".join(lines) + "\n"
