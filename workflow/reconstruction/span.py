"""Subspaces of the input space: the span of the training data, and what the first layer reveals of it.

Gradient descent moves W_1 only within the span of the training images. So training may run in that
span, exactly; and where W_1 began near zero, its row space is that span, and the attack may search it.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_GAP = 3.0  # of successive singular values, for a first layer that began near zero
SMALLEST_FLOOR = 4  # singular values below the gap; the last few of any random square matrix fall steeply


class NoSubspace(ValueError):
    """The first layer's spectrum does not tell the span of the data from its initial values."""


def data_span(inputs: Tensor) -> Tensor:
    """An orthonormal basis (r, D) of the span of inputs (n, D), r <= min(n, D)."""
    _, singular_values, right = torch.linalg.svd(inputs, full_matrices=False)
    tolerance = singular_values[0] * max(inputs.shape) * torch.finfo(inputs.dtype).eps
    return right[singular_values > tolerance]


def rank_at_gap(singular_values: Tensor) -> int:
    """The number of singular values (descending) before their steepest fall.

    The rows of a first layer that began at N(0, s^2) hold the span of the data above a floor of noise
    of about s (sqrt(h) + sqrt(D)). Raises NoSubspace where no value is SMALLEST_GAP times the next.
    """
    rounding = singular_values[:1] * len(singular_values) * torch.finfo(singular_values.dtype).eps
    floored = singular_values.maximum(rounding)
    ratios = (floored[:-1] / floored[1:])[: max(0, len(floored) - SMALLEST_FLOOR)]
    steepest = int(ratios.argmax()) if len(ratios) else 0
    if not len(ratios) or not ratios[steepest] >= SMALLEST_GAP:
        raise NoSubspace(
            "the first layer's singular values fall nowhere by a factor of "
            f"{SMALLEST_GAP:g} from one to the next, so it did not begin near zero and its row space is not the "
            "span of the training images"
        )
    return steepest + 1


def weight_span(first_layer: Tensor, rank: int | None = None) -> Tensor:
    """The top right singular vectors (r, D) of W_1 (h, D), up to the gap in its spectrum or to `rank`."""
    _, singular_values, right = torch.linalg.svd(first_layer.double().cpu(), full_matrices=False)
    return right[: rank_at_gap(singular_values) if rank is None else rank]
