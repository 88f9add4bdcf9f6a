"""From gates to images: with A the found columns, T = A Y is one linear system for Y = lambda z.

    min over Y of |(T - A Y) / sigma|^2
                  + sum_i (1 / lambda_i^2) (y_i^T precision y_i + sum over k (t_k . y_i)^2 / kink^2)

with the last sum over image i's kinks, and over the gates that its z contradicts. lambda_i, which is |y_i| over the
typical size of an image, and the contradictions are found in turn. By conjugate gradients, each image's block as
preconditioner.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .acceptance import SOFT
from .equations import Equations
from .search import Solutions
from .sensitivity import sensitivity

ITERATIONS = 150  # of conjugate gradients in a round
TOLERANCE = 1e-14


@dataclass(frozen=True)
class Weights:
    """sigma: what T = A Y may be off by, in units of a row's root mean square; kink: how far an image may lie from its
    kinks, in units of a row of unit norm; rounds: of lambdas and contradictions."""

    sigma: float = 3e-3
    kink: float = 0.1
    rounds: int = 8


@dataclass(frozen=True)
class Images:
    """z: (k, d), at the size that the prior expects; lambdas: (k,), signed, for u of median 1 and z of that size.

    consistency: (k,), the share of |rows z|^2 that contradicts the image's own gates: a right one has next to none.
    """

    z: Tensor
    lambdas: Tensor
    consistency: Tensor


def solve(equations: Equations, solutions: Solutions, precision: Tensor, weights: Weights = Weights()) -> Images:
    """The images of solutions (k,), all float64; precision: (d, d), the prior's."""
    table, rows = equations.weighted, equations.rows
    design = (sensitivity(equations, solutions.factors) * solutions.gates).T
    on_kink = ((solutions.gates > SOFT) & (solutions.gates < 1 - SOFT)).to(table.dtype)
    side = torch.where(solutions.gates > 0.5, 1.0, -1.0).to(table.dtype)
    diagonal = precision.diagonal()
    size = diagonal[diagonal > 0].reciprocal().sum().sqrt()
    y = torch.linalg.lstsq(design, table, driver="gelsd").solution
    tight = on_kink
    for _ in range(weights.rounds):
        lambdas = y.norm(dim=1) / size
        blocks = precision + torch.einsum("km,md,me->kde", tight, rows, rows) / weights.kink**2
        blocks = blocks * (weights.sigma / lambdas.clamp(min=1e-9)).square()[:, None, None]
        y = _conjugate_gradients(design, table, blocks, y)
        signs = _signs(equations, solutions, y)
        contradicted = (signs[:, None] * (y @ rows.T) * side < 0).to(table.dtype)
        tight = torch.maximum(on_kink, contradicted)
    lambdas = y.norm(dim=1) / size
    z = signs[:, None] * y / lambdas[:, None]
    a = z @ rows.T
    missed = (torch.where(on_kink > 0, a, (-a * side).relu()).square().sum(1)) / a.square().sum(1)
    return Images(z, signs * lambdas, missed)


def _signs(equations: Equations, solutions: Solutions, y: Tensor) -> Tensor:
    """The sign (k,) of lambda: that of the bias's coordinate, or else the one that the gates contradict less."""
    agreement = (y @ equations.rows.T * (solutions.gates - 0.5)).sum(1)
    decisive = y[:, -1] if equations.biased else agreement
    return torch.where(decisive < 0, -1.0, 1.0).to(y.dtype)


def _conjugate_gradients(design: Tensor, table: Tensor, blocks: Tensor, start: Tensor) -> Tensor:
    """Y (k, d) with design^T design Y + blocks_i y_i = design^T table; blocks: (k, d, d)."""
    gram, right = design.T @ design, design.T @ table
    own = gram.diagonal()[:, None, None] * torch.eye(table.shape[1], dtype=table.dtype)
    factors = torch.linalg.cholesky(blocks + own)

    def applied(y: Tensor) -> Tensor:
        return gram @ y + torch.bmm(blocks, y[:, :, None]).squeeze(-1)

    def preconditioned(residual: Tensor) -> Tensor:
        return torch.cholesky_solve(residual[:, :, None], factors).squeeze(-1)

    y = start
    residual = right - applied(y)
    direction = step = preconditioned(residual)
    inner = (residual * step).sum()
    for _ in range(ITERATIONS):
        image = applied(direction)
        rate = inner / (direction * image).sum()
        y, residual = y + rate * direction, residual - rate * image
        step = preconditioned(residual)
        previous, inner = inner, (residual * step).sum()
        if inner <= TOLERANCE * right.square().sum():
            break
        direction = step + inner / previous * direction
    return y
