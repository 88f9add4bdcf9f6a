"""Which solutions may be training images, judged by the solution alone, and which are the same one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .equations import Equations
from .search import Solutions
from .sensitivity import sensitivity

SOFT = 0.05  # a gate this far from 0 and from 1 lies on a kink
SAME = 0.98  # cosine of columns u o s of one image; different images of one network reach 0.97


@dataclass(frozen=True)
class Bounds:
    """gap: the largest; soft: the largest share of kinks; active: least and largest share of gates that are on.

    Without the last two the trivial solutions come in: all units off, all on, all on their kinks.
    """

    gap: float
    soft: float = 0.3
    active: tuple[float, float] = (0.15, 0.9)


SURE = Bounds(1e-4, soft=0.2)  # where an image has hardly enough equations, patterns of many kinks close their gap, too


def admissible(solutions: Solutions, bounds: Bounds) -> Tensor:
    """Which (B,) of the solutions lie within the bounds."""
    gates = solutions.gates
    soft = ((gates > SOFT) & (gates < 1 - SOFT)).double().mean(1)
    active = (gates > 0.5).double().mean(1)
    least, most = bounds.active
    return (solutions.gap < bounds.gap) & (soft < bounds.soft) & (active > least) & (active < most)


def columns(equations: Equations, solutions: Solutions) -> Tensor:
    """Unit columns u o s (B, m), each in the column space of T but for its gap."""
    found = sensitivity(equations, solutions.factors) * equations.derivative(solutions.gates)
    return found / found.norm(dim=1, keepdim=True)


def distinct(equations: Equations, solutions: Solutions, same: float = SAME) -> Tensor:
    """The best of each group of solutions that share a column: indices, by increasing gap."""
    left = torch.argsort(solutions.gap)
    alike = columns(equations, solutions)
    alike = alike @ alike.T > same
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[~alike[left[0], left]]
    return torch.stack(kept) if kept else left


def independent(equations: Equations, solutions: Solutions, order: Tensor, least: float) -> Tensor:
    """Indices, in the given order (B,), of solutions that leave more than `least` of their unit column unexplained.

    They are no more than T has columns. Of 100 true columns each leaves 0.06 to 0.4 outside of the others' span.
    """
    left, most = columns(equations, solutions), equations.weighted.shape[1]
    kept: list[Tensor] = []
    for index in order:
        if len(kept) == most:
            break
        if (size := left[index].norm()) > least:
            kept.append(index)
            direction = left[index] / size
            left = left - torch.outer(left @ direction, direction)
    return torch.stack(kept) if kept else order[:0]
