"""Which patterns are images: those whose images do not contradict their own gates, and whose lambdas fit the network.

Trusted are, to begin with, the patterns that close their gap best and have few kinks. Then, in turn, each pattern's
image is solved for by those that are trusted, and trusted are those whose image agrees with its gates. Of all that were
trusted together, those are chosen whose lambdas agree best with what the network says of their images; of a regression,
and where u may have either sign, as deeper networks and several outputs have it, those that contradict their gates
least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor

from . import acceptance
from .confirmation import agreement, discrepancy
from .equations import Equations
from .prior import Prior
from .search import Solutions
from .solve import Images, Weights, solve

CONSISTENT = 1e-3  # what images that are right contradict of their gates, in the median


@dataclass(frozen=True)
class Choosing:
    """apart: what a column must leave outside of the span of those chosen before it; contradictions: shares of an image
    that may contradict its own gates, and sigmas of `solve`, all tried; rounds: of solving and trusting, at most."""

    apart: float = 0.03
    contradictions: tuple[float, ...] = (0.1, 0.3)
    weights: tuple[Weights, ...] = field(default_factory=lambda: (Weights(sigma=1e-3), Weights(sigma=3e-3)))
    rounds: int = 5


def choose(
    equations: Equations,
    found: Solutions,
    prior: Prior,
    choosing: Choosing = Choosing(),
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Solutions, Images]:
    """The patterns chosen, no more than the first layer has columns, and their images; the surest first."""
    nothing = found[found.gap.argsort()[:0]]
    best, most = (nothing, solve(equations, nothing, torch.arange(0), prior)), 0.0
    ways = list(product(choosing.contradictions, choosing.weights)) if len(found) else []
    for way, (bound, weights) in enumerate(ways):
        sets = _trusted(equations, found, prior, choosing, bound, weights)
        for turn, (trusted, images) in enumerate(sets, start=1):
            progress((way + turn / choosing.rounds) / len(ways))
            patterns, theirs = found[trusted], images[trusted]
            agreed = _agreed(equations, patterns, theirs)
            if agreed > most:
                order = doubt(patterns.gap, theirs.consistency).argsort()
                best, most = (patterns[order], theirs[order]), agreed
    return best


def _trusted(
    equations: Equations, found: Solutions, prior: Prior, choosing: Choosing, bound: float, weights: Weights
) -> Iterator[tuple[Tensor, Images]]:
    """Patterns that are trusted together, by index, and the images of all by these; until trust stays as it is."""
    order = found.gap.argsort()
    order = order[acceptance.admissible(found, acceptance.SURE)[order]]
    trusted = acceptance.independent(equations, found, order, choosing.apart)
    for _ in range(choosing.rounds):
        images = solve(equations, found, trusted, prior, weights)
        yield trusted, images
        allowed = images.apart > choosing.apart
        allowed[trusted] = True
        order = doubt(found.gap, images.consistency).argsort()
        order = order[(allowed & (images.consistency < bound))[order]]
        before, trusted = trusted, acceptance.independent(equations, found, order, choosing.apart)
        if not len(trusted) or set(before.tolist()) == set(trusted.tolist()):
            return


def _agreed(equations: Equations, patterns: Solutions, images: Images) -> float:
    """How well patterns agree with the network; only its order means anything."""
    if equations.signed or not equations.confirms:
        return -images.consistency.clamp(1e-6, 1).log10().sum().item()
    return agreement(discrepancy(equations, patterns, images))


def doubt(gap: Tensor, consistency: Tensor) -> Tensor:
    """How little sure solutions (k,) are, by gap and by what their images contradict; its order is all it means."""
    return (consistency + CONSISTENT) * gap
