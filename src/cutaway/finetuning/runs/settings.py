"""Settings side by side: nested names become dotted ones, and what differs is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting that two runs do not share; None where one has no such setting.

    Attributes:
        name: dotted, such as `loop.optimizer.rate`.
        first: the first run's value.
        second: the second run's value.
        factor: how many times the first is the second, where both are numbers above 0.
    """

    name: str
    first: Any
    second: Any
    factor: float | None


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by dotted names.

    Args:
        settings: nested.
        prefix: what stands before each name.

    Example:
        >>> flat({"loop": {"epochs": 3, "optimizer": {"rate": 0.1}}, "model": "x"})
        {'loop.epochs': 3, 'loop.optimizer.rate': 0.1, 'model': 'x'}
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """Return the settings that differ, in the order of their names.

    Args:
        first: nested settings.
        second: the same of another run.

    Example:
        >>> changes({"rate": 0.001, "seed": 1}, {"rate": 0.01, "seed": 1})
        [Change(name='rate', first=0.001, second=0.01, factor=10.0)]
    """
    a, b = flat(first), flat(second)
    return [
        Change(name=name, first=a.get(name), second=b.get(name), factor=_factor(a.get(name), b.get(name)))
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    ]


def _factor(first: Any, second: Any) -> float | None:
    numbers = all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in (first, second)
    )
    return second / first if numbers and first > 0 and second > 0 else None
