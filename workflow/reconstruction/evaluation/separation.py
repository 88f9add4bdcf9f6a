"""How well scores tell members from others, and how sure that is.

Intervals of 95 %: of a true-positive rate by Clopper and Pearson (1934), over the members alone; of the AUC by
Newcombe (2006, method 5), which has a width where all members score higher than the others, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from .thresholds import threshold

FALSE_POSITIVE_RATE = 0.01
CONFIDENCE = 0.95
QUANTILE = float(norm.ppf((1 + CONFIDENCE) / 2))
EPSILON = 1e-12


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float


def true_positive_rate(members: np.ndarray, others: np.ndarray, rate: float) -> Estimate:
    """The share of members (n,) above all but a share `rate` of the others (k,)."""
    above = binomtest(int((members > threshold(others, rate)).sum()), len(members))
    ends = above.proportion_ci(CONFIDENCE, method="exact")
    return Estimate(float(above.statistic), float(ends.low), float(ends.high))


def area(members: np.ndarray, others: np.ndarray) -> Estimate:
    """The AUC: how often a member (n,) scores higher than another (k,), a tie counting half."""
    differences = members[:, None] - others
    found = float((differences > 0).mean() + (differences == 0).mean() / 2)
    sizes = len(members), len(others)
    return Estimate(found, _low(found, *sizes), 1 - _low(1 - found, *sizes))


def _low(found: float, members: int, others: int) -> float:
    """The smallest AUC from which the one found lies no more than QUANTILE of its standard errors (Hanley and McNeil
    1982)."""
    if found <= EPSILON:
        return 0.0

    def beyond(auc: float) -> float:
        spread = 1 + ((members + others) / 2 - 1) * ((1 - auc) / (2 - auc) + auc / (1 + auc))
        return float((found - auc) ** 2 - QUANTILE**2 * auc * (1 - auc) * spread / (members * others))

    return float(brentq(beyond, 0, found - EPSILON))
