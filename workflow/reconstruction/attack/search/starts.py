"""Each restart's hyperparameters and initial values, from (sweep seed, restart number) alone."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor

from ...configuration import LogUniform, Range, Restarts, SearchSettings, Uniform
from ...models.space import Space
from .restarts import Starts

NAMES = ("learning_rate", "lambda_learning_rate", "initial_scale", "lambda_min", "alpha")


def draw(search: SearchSettings, seed: int, restart: int) -> dict[str, float]:
    """Restart's hyperparameters: a point of a scrambled Sobol sequence (Owen 1998), one axis a hyperparameter.

    An axis belongs to its hyperparameter whether or not that has a range, so fixing one moves no other.
    """
    sequence = qmc.Sobol(len(NAMES), scramble=True, rng=np.random.default_rng(seed))
    if restart:  # scipy refuses to go forward by nothing
        sequence.fast_forward(restart)
    point = sequence.random(1)[0]
    return {name: _place(getattr(search, name), float(u)) for name, u in zip(NAMES, point, strict=True)}


def _place(range_: Range, u: float) -> float:
    """The point at u in [0, 1) of a range."""
    if isinstance(range_, Uniform):
        low, high = range_.uniform
        return low + u * (high - low)
    if isinstance(range_, LogUniform):
        low, high = (math.log(end) for end in range_.log_uniform)
        return math.exp(low + u * (high - low))
    return float(range_)


def initial_values(
    seed: int, restart: int, candidates: int, size: int, scale: float, largest: float = 1.0, signed: bool = False
) -> tuple[Tensor, Tensor]:
    """x ~ N(0, scale^2) of shape (candidates, size) and lambda ~ U[0, largest] of shape (candidates,), in float64.

    signed: lambda ~ U[-largest, largest].
    An isotropic Gaussian over all pixels is one over the coordinates of any orthonormal basis, too.
    """
    state = int(np.random.SeedSequence([seed, restart]).generate_state(1, np.uint64)[0] >> 1)
    generator = torch.Generator().manual_seed(state)
    x = torch.randn(candidates, size, generator=generator, dtype=torch.float64) * scale
    lambdas = torch.rand(candidates, generator=generator, dtype=torch.float64)
    return x, largest * (2 * lambdas - 1 if signed else lambdas)


def begin(
    size: int,
    space: Space,
    settings: Restarts,
    numbers: range,
    drawn: list[dict[str, float]],
    initial_lambda: float = 1.0,
    signed: bool = False,
) -> Starts:
    """Where the restarts of these numbers begin, in a search space of the given size; float64.

    initial_lambda: the largest; signed: whether lambda may be negative.
    """
    initial = [
        initial_values(settings.seed, number, settings.candidates, size, row["initial_scale"], initial_lambda, signed)
        for number, row in zip(numbers, drawn, strict=True)
    ]
    rates = ("learning_rate", "lambda_learning_rate", "lambda_min", "alpha")
    values = {name: torch.tensor([row[name] for row in drawn], dtype=torch.float64) for name in rates}
    return Starts(
        candidates=space.scale(torch.stack([x for x, _ in initial])),
        lambdas=torch.stack([lambdas for _, lambdas in initial]),
        **{**values, "learning_rate": space.scale(values["learning_rate"][:, None])},
    )
