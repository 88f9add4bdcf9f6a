"""From gates to images, one image at a time, though some columns are missing and others are wrong.

With A the columns that are trusted and d_i the vector of their span with d_i . a_i = 1 and d_i . a_j = 0, T = sum_j
a_j y_j^T gives o_i = d_i^T T = y_i + what the missing columns mix in, which lies in the row space of W = T - A A^+ T,
what A leaves of T. So y_i = lambda_i z_i is free along W, and found by

    min over y of (y - o_i)^T (sigma^2 I + missing W^T W)^-1 (y - o_i) / |d_i|^2
                  + (1 / lambda_i^2) (y^T precision y + sum over k of (t_k . y)^2 / (kink^2 + (t_k . z_i)^2))

with the last sum over the image's kinks, where true ones have t_k . z = 0 exactly and mistaken ones have not, so that
their weights are found in turn (iteratively reweighted least squares); and over the gates that z_i contradicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from .acceptance import SOFT
from .equations import Equations
from .prior import Prior
from .search import Solutions
from .sensitivity import sensitivity

FAINTEST = 1e-9  # lambda, for u of median 1
NONE = 1e-12  # of a column, squared: it lies in the span of the others


@dataclass(frozen=True)
class Weights:
    """sigma: what T = A Y may be off by, in units of a row's root mean square; missing: how much of what A leaves may
    be in any image; kinks: how far an image may lie from its kinks, in units of a row of unit norm, round by round."""

    sigma: float = 1e-3
    missing: float = 1e-2
    kinks: Sequence[float] = (0.3, 0.3, 0.1, 0.03)


@dataclass(frozen=True)
class Images:
    """z: (k, d), at the size that the prior expects; lambdas: (k,), signed, for u of median 1 and z of that size.

    consistency: (k,), the share of |rows z|^2 that contradicts the image's own gates: a right one has next to none.
    apart: (k,), the share of its column's norm that lies outside of the span of the other columns that are trusted.
    """

    z: Tensor
    lambdas: Tensor
    consistency: Tensor
    apart: Tensor

    def __getitem__(self, chosen: Tensor) -> Images:
        return Images(*(getattr(self, field.name)[chosen] for field in fields(self)))


def solve(
    equations: Equations, solutions: Solutions, trusted: Tensor, prior: Prior, weights: Weights = Weights()
) -> Images:
    """The images of solutions (k,), all float64, by those that `trusted` (indices) names, of independent columns."""
    table, rows = equations.weighted, equations.rows
    columns = sensitivity(equations, solutions.factors) * equations.derivative(solutions.gates)
    duals = _duals(columns, trusted)
    left = table - columns[trusted].T @ (duals[trusted] @ table)
    unit = torch.eye(table.shape[1], dtype=table.dtype)
    fidelity = torch.linalg.inv(weights.sigma**2 * unit + weights.missing * left.T @ left)
    precision, size = prior.precision, prior.size
    observed, noise = duals @ table, duals.square().sum(1)
    sides = torch.where(solutions.gates > 0.5, 1.0, -1.0).to(table.dtype)
    kinks = (solutions.gates > SOFT) & (solutions.gates < 1 - SOFT)
    found = Images(torch.zeros_like(observed), *(torch.zeros_like(noise) for _ in range(3)))
    for index, (y, variance, side, kink, gates) in enumerate(
        zip(observed, noise, sides, kinks, solutions.gates, strict=True)
    ):
        faith = fidelity / variance
        pulled = faith @ y
        tight = kink / weights.kinks[0] ** 2
        for width in (*weights.kinks[1:], weights.kinks[-1]):
            scale = y.norm() / size
            near = tight > 0
            bent = precision + (rows[near] * tight[near, None]).T @ rows[near]
            bent = faith + bent / scale.clamp(min=FAINTEST).square()
            y = torch.cholesky_solve(pulled[:, None], torch.linalg.cholesky(bent)).squeeze(1)
            scale = y.norm() / size
            sign = _sign(equations, gates, y)
            a = rows @ y * sign / scale
            contradicted = (a * side < 0) & ~kink
            tight = torch.where(kink, 1 / (width**2 + a.square()), contradicted / weights.kinks[0] ** 2)
        wrong = torch.where(kink, a, (-a * side).relu())
        found.z[index], found.lambdas[index] = sign * y / scale, sign * scale
        found.consistency[index] = wrong.square().sum() / a.square().sum()
    return replace(found, apart=1 / (noise.sqrt() * columns.norm(dim=1)))


def _duals(columns: Tensor, trusted: Tensor) -> Tensor:
    """d_i (k, m) of columns (k, m): orthogonal to all trusted ones but i, with d_i . a_i = 1."""
    basis = columns[trusted].T
    inverse = torch.linalg.pinv(basis)
    left = columns - (columns @ inverse.T) @ basis.T
    duals = left / left.square().sum(1, keepdim=True).clamp(min=NONE)
    duals[trusted] = inverse
    return duals


def _sign(equations: Equations, gates: Tensor, y: Tensor) -> Tensor:
    """The sign of lambda: that of the bias's coordinate, or else the one that the gates (m,) contradict less."""
    decisive = y[-1] if equations.biased else (equations.rows @ y * (gates - 0.5)).sum()
    return torch.where(decisive < 0, -1.0, 1.0).to(y.dtype)
