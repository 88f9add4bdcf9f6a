"""The span of the training images, as far as the first layer reveals it.

Gradient descent moves W_1 only within that span. Where W_1 began near zero, its row space is the span, and the attack
may search it.
"""

from __future__ import annotations

import torch
from torch import Tensor

ABOVE = 1.05  # of the edge of noise
STEEP = 3.0  # ratio of successive singular values that noise does not show
LAST = 4  # singular values of noise, that are few and fall by chance
ROUNDING = 1e-8  # of the largest singular value: a tenth of float32's precision
LARGEST_FLOOR = 0.2  # of the first layer's squared norm, for a layer that began near zero


class NoSubspace(ValueError):
    """The first layer's spectrum does not tell the span of the data from its initial values."""


def rank_above_noise(matrix: Tensor) -> int:
    """How many singular values of a matrix (h, D) noise cannot have made: up to the last one that stands above it.

    Noise of independent entries, whatever its size in each row and column, hardly has a singular value above its
    largest row's norm and its largest column's together (Bandeira and van Handel 2016). What the top k leave of the
    matrix is taken for such noise, of h - k rows and D - k columns: initial values, rounding, and what arithmetic in
    float32 or a user has added. Nor do singular values of noise fall steeply, but for the last of them.
    """
    left, values, right = torch.linalg.svd(matrix[matrix.any(1)].double(), full_matrices=False)
    if not len(values):
        return 0
    removed = torch.arange(len(values), dtype=torch.float64)
    edge = torch.zeros_like(values)
    for side in (left, right.T):
        energies = (side * values).square_().flip(1).cumsum(1).flip(1).amax(0)
        edge += (energies / (1 - removed / len(side))).sqrt()
    rounding = ROUNDING * values[0]
    following = torch.cat([values[1:], values[-1:]]).maximum(rounding)
    stands = (values > ABOVE * edge) | (values > STEEP * following)
    stands &= values > rounding
    stands[-LAST:] = False
    above = stands.nonzero()
    return int(above[-1]) + 1 if len(above) else 0


def weight_span(first_layer: Tensor, rank: int | None = None) -> Tensor:
    """The top right singular vectors (r, D) of W_1 (h, D): those above its floor of noise, or `rank` of them.

    Raises NoSubspace where the floor holds more than LARGEST_FLOOR of the squared norm.
    """
    first_layer = first_layer.double().cpu()
    _, values, right = torch.linalg.svd(first_layer, full_matrices=False)
    if rank is None:
        rank = rank_above_noise(first_layer)
        floor = (values[rank:].square().sum() / values.square().sum()).item()
        if not rank or floor > LARGEST_FLOOR:
            raise NoSubspace(
                f"{floor:.0%} of the first layer's squared norm cannot be told from noise, so it did not begin near "
                "zero and its row space is not the span of the training images"
            )
    return right[:rank]


def spectral_scales(first_layer: Tensor, basis: Tensor, power: float) -> Tensor:
    """Scales (r,) with mean square 1 that follow a power of W_1's norm along each row of the basis (r, D).

    What W_1 learnt falls along its singular vectors as the images' own spread does, only faster: at a power below
    one, candidates begin as noise with a spectrum like the images', and no direction is given more than its share.
    """
    scales = (first_layer.double() @ basis.T).norm(dim=0) ** power
    return scales / scales.square().mean().sqrt()
