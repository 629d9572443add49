"""Cosine similarity and nearest neighbors straight from their definitions, in Python's exact fractions.

Shares no code with the package: dot products and squared lengths are exact rational numbers, so that
the order of two cosines is decided without rounding, and equal ones are truly equal.
"""

from __future__ import annotations

from fractions import Fraction
from math import fsum, sqrt


def cosine(u: list[float], v: list[float]) -> float:
    """cos(u, v) = u·v / (|u| |v|); 0 if either is the zero vector."""
    dot = sum(Fraction(a) * Fraction(b) for a, b in zip(u, v, strict=True))
    square = sum(Fraction(a) ** 2 for a in u) * sum(Fraction(b) ** 2 for b in v)
    if square == 0:
        return 0.0
    ratio = float(dot * dot / square)
    return sqrt(ratio) if dot > 0 else -sqrt(ratio)


def unit(u: list[float]) -> list[float]:
    length = sqrt(fsum(a * a for a in u))
    return [a / length for a in u] if length else list(u)


def sum_of_units(vectors: list[list[float]], signs: list[int]) -> list[float]:
    units = [unit(vector) for vector in vectors]
    return [fsum(sign * u[at] for sign, u in zip(signs, units, strict=True)) for at in range(len(vectors[0]))]


def neighbors(
    table: list[list[float]], query: list[float], count: int, excluded: set[int]
) -> list[tuple[int, float]]:
    """Every row but the excluded ones, by falling cosine (to 12 decimals), then by row."""
    scored = [(row, cosine(vector, query)) for row, vector in enumerate(table) if row not in excluded]
    return sorted(scored, key=lambda pair: (-round(pair[1], 12), pair[0]))[:count]
