"""The nearest pair (T z, T v): two ridge regressions, z's with a prior and one linear constraint."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .equations import Equations


@dataclass(frozen=True)
class Projection:
    """For B starts at once, each of d unknowns z and d unknowns v from m rows.

    z minimises |rows z - a|^2 + z^T precision z subject to h . z = level, without which it would be 0: the equations
    are homogeneous. v minimises |weighted v - y|^2 + ridge |v|^2.
    """

    rows: Tensor  # (m, d)
    weighted: Tensor  # (m, d)
    to_image: Tensor  # (m, d)
    to_dual: Tensor  # (m, d)
    normal: Tensor  # (B, d), h
    shift: Tensor  # (B, d), by which z moves for each unit that the constraint is missed by
    level: Tensor  # (B, 1)

    def solve(self, a: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """z and v (B, d) of a and y (B, m)."""
        z = a @ self.to_image
        missed = self.level - (z * self.normal).sum(1, keepdim=True)
        return z.addcmul_(missed, self.shift), y @ self.to_dual

    def project(self, a: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The nearest T z and T v (B, m), after their z."""
        z, v = self.solve(a, y)
        return z, z @ self.rows.T, v @ self.weighted.T


def projection(equations: Equations, precision: Tensor, ridge: float, normal: Tensor, level: Tensor) -> Projection:
    """precision: (d, d); normal: (B, d), of the dtype to project in; level: (B,). Factored in float64."""
    rows, weighted = equations.rows.double(), equations.weighted.double()
    inverse = torch.linalg.inv(rows.T @ rows + precision.double())
    damped = weighted.T @ weighted + ridge * torch.eye(weighted.shape[1]).to(weighted)
    shift = normal.double() @ inverse
    shift = shift / (shift * normal).sum(1, keepdim=True)
    parts = (rows, weighted, rows @ inverse, torch.linalg.solve(damped, weighted.T).T, normal, shift, level[:, None])
    return Projection(*(part.to(normal.dtype).contiguous() for part in parts))
