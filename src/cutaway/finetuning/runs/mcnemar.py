"""McNemar's test: do two models that answered the same examples differ by more than chance?

Examples that both get right, or both wrong, tell nothing about which is better. Of the others, each
model should win half if they are equally good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cutaway.core.errors import UsageError

# With fewer, the normal approximation is too rough and the exact sum is cheap.
FEW = 25


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """The test's result.

    Attributes:
        first_only: examples that the first model alone got right.
        second_only: examples that the second model alone got right.
        p: the chance of so uneven a split, or a more uneven one, of equally good models.
        method: "exact" sums the binomial distribution; "chi-squared" has a continuity correction.
    """

    first_only: int
    second_only: int
    p: float
    method: Literal["exact", "chi-squared"]


def mcnemar(first_only: int, second_only: int) -> McNemar:
    """Test whether two counts of wins differ by more than chance.

        χ² = (|b − c| − 1)² / (b + c), one degree of freedom

    and with fewer than 25 wins in all, exactly: p = min(1, 2 Σₖ C(n, k) / 2ⁿ) over k ≤ min(b, c).

    Args:
        first_only: b, examples that the first model alone got right.
        second_only: c, examples that the second model alone got right.

    Returns:
        The two-sided test.

    Raises:
        UsageError: a count is below 0.

    Source:
        McNemar 1947, Psychometrika 12; Edwards 1948, Psychometrika 13, for the correction; Dietterich
        1998, Neural Computation 10, section 3.1, for its use on classifiers.

    Example:
        >>> round(mcnemar(1, 8).p, 4), round(mcnemar(20, 40).p, 4)
        (0.0391, 0.0142)
    """
    if first_only < 0 or second_only < 0:
        raise UsageError(f"counts start at 0: {first_only} and {second_only}")
    together, fewer = first_only + second_only, min(first_only, second_only)
    if together < FEW:
        tail = sum(math.comb(together, wins) for wins in range(fewer + 1)) / 2**together
        return McNemar(first_only=first_only, second_only=second_only, p=min(1.0, 2 * tail), method="exact")
    statistic = max(0, abs(first_only - second_only) - 1) ** 2 / together
    # The survival function of χ² with one degree of freedom is that of a squared normal.
    p = math.erfc(math.sqrt(statistic / 2))
    return McNemar(first_only=first_only, second_only=second_only, p=p, method="chi-squared")
