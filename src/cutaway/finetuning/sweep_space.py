"""What a sweep may vary: settings by name, each within a range or among named values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cutaway.core.errors import UsageError
from cutaway.finetuning.finetune_settings import FinetuneSettings

if TYPE_CHECKING:
    from optuna import Trial

Value = float | int | str

# By name: the type of a value, and where in FinetuneSettings it stands.
PLACES: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "rate": (float, ("loop", "optimizer", "rate")),
    "epochs": (int, ("loop", "epochs")),
    "batch-tokens": (int, ("batch_tokens",)),
    "rank": (int, ("lora", "rank")),
    "truncation": (str, ("inputs", "truncation")),
    "max-tokens": (int, ("inputs", "max_tokens")),
    "method": (str, ("method",)),
    "schedule": (str, ("loop", "optimizer", "schedule")),
    "warmup": (float, ("loop", "optimizer", "warmup")),
    "weight-decay": (float, ("loop", "optimizer", "weight_decay")),
    "layer-decay": (float, ("loop", "optimizer", "layer_decay")),
    "unfreeze": (str, ("loop", "unfreezing")),
    "accumulate": (int, ("loop", "accumulate")),
    "smoothing": (float, ("smoothing",)),
    "class-weights": (str, ("class_weights",)),
}
# Twice as much matters as much as half as much: drawn evenly on a logarithmic scale.
LOGARITHMIC = ("rate", "batch-tokens", "rank", "weight-decay")


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One setting, and what it may be.

    Attributes:
        name: of `PLACES`.
        values: the ends of a range, or all choices.
        kind: "range" or "choices".
    """

    name: str
    values: tuple[Value, ...]
    kind: str

    @classmethod
    def parse(cls, told: str) -> Knob:
        """Read NAME=LOW..HIGH or NAME=A,B,C.

        Args:
            told: such as "rate=1e-5..1e-3" or "truncation=head,head+tail".

        Returns:
            The knob.

        Raises:
            UsageError: there is no such setting, or those are no values of it.

        Example:
            >>> Knob.parse("rate=1e-5..1e-3").values, Knob.parse("epochs=1,2,3").values
            ((1e-05, 0.001), (1, 2, 3))
        """
        name, separator, values = told.partition("=")
        name = name.strip().replace("_", "-")
        if name not in PLACES or not separator:
            raise UsageError(
                f"a sweep over {told!r}: write NAME=LOW..HIGH or NAME=A,B,C, NAME of {list(PLACES)}"
            )
        kind = "range" if ".." in values else "choices"
        parts = [part.strip() for part in values.split(".." if kind == "range" else ",")]
        reads = PLACES[name][0]
        try:
            read = tuple(reads(part) for part in parts)
        except ValueError:
            kinds = "whole numbers" if reads is int else "numbers"
            raise UsageError(f"a sweep over {told!r}: {name} takes {kinds}, not {values!r}") from None
        if kind == "range" and (reads is str or len(read) != 2 or not read[0] < read[1]):
            raise UsageError(f"a sweep over {told!r}: a range has two numbers, the lower one first")
        if "" in parts or len(set(read)) != len(read):
            raise UsageError(f"a sweep over {told!r}: a value is empty or named twice")
        return cls(name=name, values=read, kind=kind)

    def suggest(self, trial: Trial) -> Value:
        """Draw a value.

        Args:
            trial: of optuna.
        """
        if self.kind == "choices":
            chosen = trial.suggest_categorical(self.name, self.values)
            assert chosen is not None
            return chosen
        low, high = self.values
        log = self.name in LOGARITHMIC
        if PLACES[self.name][0] is int:
            return trial.suggest_int(self.name, int(low), int(high), log=log)
        return trial.suggest_float(self.name, float(low), float(high), log=log)


def parse_space(told: Sequence[str], settings: FinetuneSettings) -> tuple[Knob, ...]:
    """Read what a sweep varies, and try the ends of each range and every choice.

    Args:
        told: as in `Knob.parse`, one setting each.
        settings: what stays as it is.

    Returns:
        The knobs.

    Raises:
        UsageError: a setting is named twice, or a value is out of its range.
    """
    knobs = tuple(Knob.parse(one) for one in told)
    names = [knob.name for knob in knobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"a sweep names {twice[0]} twice: give all of its values at once")
    for knob in knobs:
        for value in knob.values:
            apply(settings, {knob.name: value})
    return knobs


def apply(settings: FinetuneSettings, values: Mapping[str, Value]) -> FinetuneSettings:
    """Return settings with some values in their places.

    Args:
        settings: to begin with.
        values: by the names of `PLACES`.

    Example:
        >>> apply(FinetuneSettings(), {"rate": 0.25, "rank": 4}).loop.optimizer.rate
        0.25
    """
    for name, value in values.items():
        settings = _placed(settings, PLACES[name][1], value)
        if name == "rank":  # alpha goes with the rank, as at the command line
            settings = _placed(settings, ("lora", "alpha"), 2.0 * max(int(value), 1))
    return settings


def _placed(holder: Any, place: tuple[str, ...], value: Value) -> Any:
    first, *rest = place
    inner = _placed(getattr(holder, first), tuple(rest), value) if rest else value
    return replace(holder, **{first: inner})
