"""What is still missing lies where the found solutions do not look.

v_i of a found column is orthogonal to every other image, v_i . z_j = 0. So an image that is missing lies in the null
space of all v found, of d - k dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .prior import Prior
from .search import Solutions

STIFFER = 100.0  # outside of the null space


def null_space(found: Solutions, size: int) -> Tensor:
    """An orthonormal basis (d - k, d) of the complement of k found v."""
    if not len(found):
        return torch.eye(size, dtype=torch.float64)
    v = found.v.double()
    v = v / v.norm(dim=1, keepdim=True)
    return torch.linalg.svd(v, full_matrices=True).Vh[min(len(v), size) :]


def deflated(prior: Prior, basis: Tensor) -> Tensor:
    """Precision (d, d): the prior, and outside of the span of basis (k, d) a hundred times stiffer."""
    stiff = prior.precision.clone()
    if prior.biased:
        stiff[-1, -1] = 1
    outside = torch.eye(len(stiff), dtype=torch.float64) - basis.T @ basis
    return prior.precision + STIFFER * outside @ stiff @ outside


def starts(prior: Prior, basis: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Images z (count, d) float32, from the prior, projected onto the span of basis (k, d), of their old size."""
    drawn = prior.draw(count, generator).double()
    z = drawn @ basis.T @ basis
    z = z * (drawn.norm(dim=1) / z.norm(dim=1)).clamp(max=1e6)[:, None]
    if prior.biased:
        z = torch.where(z[:, -1:] < 0, -z, z)
    return z.float()
