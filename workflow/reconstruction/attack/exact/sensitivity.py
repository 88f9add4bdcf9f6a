"""u = dPhi/d(first hidden layer) of an image: which directions of layer 2 respond, and by what fraction."""

from __future__ import annotations

import torch
from torch import Tensor

from .equations import FEW, Equations

SMALLEST = 1e-3  # of the median |u|: the graph of the step has no width at u = 0


def sensitivity(equations: Equations, factors: Tensor) -> Tensor:
    """u (B, m) of factors (B, K), its median absolute value 1: the scale of u is a matter of lambda."""
    u = factors @ equations.responses
    u = u / u.abs().median(dim=1, keepdim=True).values.clamp(min=1e-12)
    return torch.where(u.abs() < SMALLEST, torch.full_like(u, SMALLEST), u)


def random_factors(equations: Equations, count: int, generator: torch.Generator) -> Tensor:
    """(count, K): for two directions a random angle, u = cos(phi) p + sin(phi) q; for more, each on or off; signed ones
    at random on the sphere."""
    directions = len(equations.responses)
    if equations.signed:
        return torch.nn.functional.normalize(torch.randn(count, directions, generator=generator), dim=1)
    if directions == 2:
        angles = torch.rand(count, generator=generator) * torch.pi / 2
        return torch.stack([angles.cos(), angles.sin()], 1)
    return torch.rand(count, directions, generator=generator).round().clamp(min=0.1 if directions == 1 else 0.0)


def responding(equations: Equations, z: Tensor) -> Tensor:
    """Factors (B, K), 1 where a direction responds, by a forward pass of images z (B, d)."""
    return equations.above.activation.derivative(equations.layers_above(z)[1])


def fitted(equations: Equations, y: Tensor, s: Tensor) -> Tensor:
    """Factors (B, K), >= 0 unless signed, of unit norm with which u o s is nearest to y, for s (B, m).

    A third of the images lie on kinks of layer 2 as well, and have a fraction there, which no forward pass tells.
    """
    terms = s[:, None, :] * equations.responses
    gram = terms @ terms.mT
    gram = gram + 1e-6 * gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(gram.shape[-1]).to(y)
    gram = gram + 1e-12 * torch.eye(gram.shape[-1]).to(y)
    factors = torch.linalg.solve(gram, (terms @ y[:, :, None])).squeeze(-1)
    factors = factors if equations.signed else factors.clamp(min=0)
    return factors / factors.norm(dim=1, keepdim=True).clamp(min=1e-12)


def updated(equations: Equations, factors: Tensor, z: Tensor, y: Tensor, s: Tensor) -> Tensor:
    """Factors half a step further, of unit norm."""
    target = fitted(equations, y, s) if factors.shape[1] <= FEW else responding(equations, z)
    mixed = factors / factors.norm(dim=1, keepdim=True).clamp(min=1e-12)
    mixed = mixed + target / target.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return mixed / mixed.norm(dim=1, keepdim=True).clamp(min=1e-12)
