"""Whether an image's lambda is the one that its own margin asks for: a second look, which the search did not take.

At rest under weight decay lambda_i is the loss's derivative at image i, lambda_i = c sigmoid(-q_i), q_i = y_i Phi(x_i),
with one c for all. The linear solve gives lambda_i and x_i without using this, so that an image which obeys it is
confirmed by the weights alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .equations import Equations
from .search import Solutions
from .solve import Images

CONFIRMED = 0.3  # of log lambda that an image may be off by
CHANCE = (3.0, 9.0)  # where only images lie that are not right: lambda off by a factor of 20 and more
AGREES = 3.0  # of log lambda, beyond which there is no agreement at all


def discrepancy(equations: Equations, solutions: Solutions, images: Images) -> Tensor:
    """log lambda_i - log sigmoid(-q_i) (k,) less its median; nan where the output does not tell lambda."""
    if not (len(solutions) and equations.confirms):
        return torch.full_like(images.lambdas, torch.nan)
    size = images.z[:, -1] if equations.biased else torch.ones_like(images.lambdas)
    responding = (images.z / size[:, None] @ equations.rows.T).relu()
    respond = (responding @ equations.inward.T > 0).to(responding.dtype)
    margins = (respond * (responding @ equations.outward.T)).sum(1) * images.lambdas.sign()
    margins = margins * margins.sum().sign()  # which label is positive the equations do not say
    factors = solutions.factors / solutions.factors.amax(1, keepdim=True).clamp(min=1e-12)
    typical = (factors @ equations.responses).abs().median(dim=1).values.clamp(min=1e-12)
    found = (images.lambdas.abs() * size / typical).log() - logsigmoid(-margins)
    return found - found.median()


def agreement(discrepancies: Tensor) -> float:
    """How many images agree, each by how little it is off."""
    return (1 - discrepancies.abs() / AGREES).clamp(min=0).sum().item()


def confirmed(discrepancies: Tensor) -> tuple[int, float]:
    """How many images are confirmed, and how many of these are expected to be so by chance.

    Chance is judged by how thick images lie where lambda is far off, as if that went on to where it is right.
    """
    size = discrepancies.abs()
    near, far = CHANCE
    by_chance = ((size > near) & (size < far)).sum().item() * CONFIRMED / (far - near)
    return int((size < CONFIRMED).sum()), by_chance
