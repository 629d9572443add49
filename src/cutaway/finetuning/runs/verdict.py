"""The answer of `runs diff` in words: is the difference noise, and what made it?"""

from __future__ import annotations

from collections.abc import Sequence

from cutaway.finetuning.runs.comparison import Comparison
from cutaway.finetuning.runs.evidence import Finding
from cutaway.finetuning.runs.settings import Change

CAVEAT = (
    "The test speaks of these two trained models; another seed would move both, so what differs by little is "
    "worth a second pair of runs."
)


def verdict(first: str, second: str, found: Comparison) -> str:
    """Return one sentence: how large the difference is, and whether it is noise.

    Args:
        first: the first run's name.
        second: the second's.
        found: on the shared examples.
    """
    examples = f"the same {found.examples:,} held-out examples"
    if not found.flips:
        return f"{first} and {second} are right and wrong on exactly the same of {examples}."
    points = 100 * found.difference.value
    low, high = 100 * found.difference.low, 100 * found.difference.high
    way = "better" if points > 0 else "worse"
    interval = f"95 % interval {signed(low)} to {signed(high)}"
    wins = f"{first} alone got {found.test.first_only} right, {second} alone {found.test.second_only}"
    if found.real:
        return (
            f"{second} is {abs(points):.1f} points {way} than {first} on {examples} ({interval}), and that "
            f"is not noise: {wins} (McNemar's p {p_value(found.test.p)})."
        )
    size = f"{abs(points):.1f} points {way} than {first}" if points else f"as often right as {first}"
    return (
        f"{second} is {size} on {examples} ({interval}), and that may well be noise: {wins} (McNemar's "
        f"p {p_value(found.test.p)}); below {100 * found.visible:.1f} points it cannot be told from chance."
    )


def cause(
    changed: Sequence[Change], worse: str, symptoms: Sequence[Finding], others: Sequence[Finding]
) -> str:
    """Return what probably made the worse run worse.

    Args:
        changed: the settings that differ, from the better run to the worse.
        worse: the worse run's name.
        symptoms: what the rules found in it.
        others: what they found in the better one.

    Returns:
        A sentence or two; empty if nothing is known.
    """
    known = {finding.rule for finding in others}
    new = [finding for finding in symptoms if finding.rule not in known]
    for finding in new:
        fitting = [change for change in changed if _fits(change, finding)]
        if fitting:
            only = "The only setting that changed" if len(changed) == 1 else "Of what changed, this fits"
            told = ", ".join(map(told_change, fitting))
            return f"{only}: {told}. In {worse}: {finding.rule}: {finding.sentence}."
    if len(changed) == 1:
        return f"The only setting that changed: {told_change(changed[0])}."
    if not changed:
        return "No setting changed: data, code, machine or chance made the difference."
    return f"{len(changed)} settings changed: which of them did it, two runs alone cannot tell."


def _fits(change: Change, finding: Finding) -> bool:
    """Whether a setting changed the way that brings a finding about."""
    way = finding.settings.get(change.name.rpartition(".")[2])
    if change.factor is None or way is None:
        return way == "changed"
    return way == "changed" or (way == "raised") == (change.factor > 1)


def told_change(change: Change) -> str:
    """Return a change in words.

    Args:
        change: of a setting.

    Example:
        >>> told_change(Change(name="loop.rate", first=0.0005, second=0.005, factor=10.0))
        'loop.rate 0.0005 to 0.005 (× 10)'
    """
    times = f" (× {change.factor:.3g})" if change.factor else ""
    return f"{change.name} {change.first} to {change.second}{times}"


def signed(points: float) -> str:
    """Return points with their sign, a true minus.

    Args:
        points: in a hundredth.

    Example:
        >>> signed(-3.14), signed(2)
        ('−3.1', '+2.0')
    """
    return f"{points:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """Return a p-value as it is quoted.

    Args:
        p: from 0 to 1.

    Example:
        >>> p_value(0.0341), p_value(1e-9)
        ('= 0.034', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"
