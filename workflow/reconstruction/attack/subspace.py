"""The span of the training images, as far as the first layer reveals it.

Gradient descent moves W_1 only within that span. Where W_1 began near zero, its row space is the span, and the attack
may search it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

EDGE_WIDTHS = 3
STEEP = 3.0  # ratio of successive singular values that noise does not show
SMALLEST_FLOOR = 4  # but in its last few
LARGEST_FLOOR = 0.2  # of the first layer's squared norm, for a layer that began near zero


class NoSubspace(ValueError):
    """The first layer's spectrum does not tell the span of the data from its initial values."""


def rank_above_noise(singular_values: Tensor, shape: Sequence[int]) -> int:
    """The number of singular values (descending) of a matrix of that shape (h, D) that noise cannot have made.

    The rows of a first layer that began at N(0, s^2) hold what it learnt above a floor of noise. Noise of a
    variance s^2 has hardly a singular value above s (sqrt(h) + sqrt(D)), the edge of its spectrum, and one in a
    thousand times one that is three widths beyond (Johnstone 2001); s^2 is the mean square of what lies below
    the edge, and the two are found in turn, from the steepest fall of the spectrum downwards.
    Raises NoSubspace where the floor holds more than LARGEST_FLOOR of the squared norm.
    """
    height, width = shape
    squares = singular_values.double().square()
    rounding = squares[:1] * (max(shape) * torch.finfo(singular_values.dtype).eps) ** 2
    falls = squares[:-SMALLEST_FLOOR] / squares[1 : 1 - SMALLEST_FLOOR].maximum(rounding)
    steepest = int(falls.argmax()) if len(falls) else 0
    rank, above = -1, steepest + 1 if len(falls) and falls[steepest] > STEEP**2 else 0
    while above > rank and above < len(squares):
        rank = above
        rows, columns = math.sqrt(height - rank), math.sqrt(width - rank)
        spread = (rows + columns) * (1 / rows + 1 / columns) ** (1 / 3)
        variance = squares[rank:].sum() / (rows * columns) ** 2
        edge = variance * ((rows + columns) ** 2 + EDGE_WIDTHS * spread)
        above = max(rank, int((squares > edge.maximum(rounding)).sum()))
    floor = (squares[above:].sum() / squares.sum()).item()
    if not above or not floor <= LARGEST_FLOOR:
        raise NoSubspace(
            f"{floor:.0%} of the first layer's squared norm cannot be told from noise, so it did not begin near zero "
            "and its row space is not the span of the training images"
        )
    return above


def weight_span(first_layer: Tensor, rank: int | None = None) -> Tensor:
    """The top right singular vectors (r, D) of W_1 (h, D): those above its floor of noise, or `rank` of them."""
    _, singular_values, right = torch.linalg.svd(first_layer.double().cpu(), full_matrices=False)
    return right[: rank_above_noise(singular_values, first_layer.shape) if rank is None else rank]


def spectral_scales(first_layer: Tensor, basis: Tensor, power: float) -> Tensor:
    """Scales (r,) with mean square 1 that follow a power of W_1's norm along each row of the basis (r, D).

    What W_1 learnt falls along its singular vectors as the images' own spread does, only faster: at a power below
    one, candidates begin as noise with a spectrum like the images', and no direction is given more than its share.
    """
    scales = (first_layer.double() @ basis.T).norm(dim=0) ** power
    return scales / scales.square().mean().sqrt()
