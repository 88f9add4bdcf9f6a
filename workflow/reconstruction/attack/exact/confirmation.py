"""Whether an image's lambda is the one that its own margin asks for: a second look, which the search did not take.

At rest under weight decay lambda_i is the loss's derivative at image i, lambda_i = c sigmoid(-q_i), q_i = y_i Phi(x_i),
with one c for all. The linear solve gives lambda_i and x_i without using this, so that an image which obeys it is
confirmed by the weights alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...models.mlp import outputs, sensitivities
from .equations import Equations
from .search import Solutions
from .sensitivity import sensitivity
from .solve import Images

SMALLEST = 1e-12
CONFIRMED = 0.3  # of log lambda that an image may be off by
CHANCE = (3.0, 9.0)  # where only images lie that are not right: lambda off by a factor of 20 and more
AGREES = 3.0  # of log lambda, beyond which there is no agreement at all


def labels(equations: Equations, images: Images) -> Tensor:
    """(k,): the sign of lambda or, of classifiers where the sign of u is free and so lambda's, the network's own
    answer."""
    if not (equations.signed and equations.confirms):
        return images.lambdas.sign()
    found = outputs(equations.above, equations.layers_above(images.z))
    return found.argmax(1).to(found) if found.shape[1] > 1 else torch.where(found[:, 0] < 0, -1.0, 1.0).to(found)


def discrepancy(equations: Equations, solutions: Solutions, images: Images) -> Tensor:
    """log lambda_i - log sigmoid(-q_i) (k,) less its median; nan of a regression."""
    if not (len(solutions) and equations.confirms):
        return torch.full_like(images.lambdas, torch.nan)
    family, layers = equations.above.family, equations.layers_above(images.z)
    of_class = labels(equations, images)
    log_odds = family.log_odds(outputs(equations.above, layers), of_class)
    if equations.signed:
        typical = _typical(equations, solutions, layers, of_class) * images.lambdas.sign()
    else:
        log_odds = log_odds * log_odds.sum().sign()  # which label is positive the equations do not say
        factors = solutions.factors / solutions.factors.amax(1, keepdim=True).clamp(min=SMALLEST)
        typical = (factors @ equations.responses).abs().median(dim=1).values
    size = equations.size(images.z).squeeze(1)
    found = (images.lambdas.abs() * size / typical.clamp(min=SMALLEST)).log() - logsigmoid(-log_odds)
    return found - found.median()


def _typical(equations: Equations, solutions: Solutions, layers: list[Tensor], of_class: Tensor) -> Tensor:
    """The size (k,) of u at images of these activations, in units of the u that solutions have, whose sign is free."""
    backward = sensitivities(equations.above, layers, of_class)[0] @ equations.mixing @ equations.responses
    found = sensitivity(equations, solutions.factors)
    return (backward * found).sum(1) / found.square().sum(1)


def agreement(discrepancies: Tensor) -> float:
    """How many images agree, each by how little it is off, times their share: what agrees by chance is no gain."""
    agreed = (1 - discrepancies.abs() / AGREES).clamp(min=0)
    return (agreed.sum() * agreed.mean()).item()


def confirmed(discrepancies: Tensor) -> tuple[int, float]:
    """How many images are confirmed, and how many of these are expected to be so by chance.

    Chance is judged by how thick images lie where lambda is far off, as if that went on to where it is right.
    """
    size = discrepancies.abs()
    near, far = CHANCE
    by_chance = ((size > near) & (size < far)).sum().item() * CONFIRMED / (far - near)
    return int((size < CONFIRMED).sum()), by_chance
