"""What the loss adds to stationarity (Haim et al. 2022, equation 5), as gradients in closed form.

box * sum relu(|x| - b)^2        the pixel box; b = 1 for inputs that are mean-subtracted pixels
5 * sum_i relu(lambda_min - lambda_i)^2      dual feasibility
"""

from __future__ import annotations

from torch import Tensor

from ...models.space import Space

DUAL_WEIGHT = 5.0


def box_gradient(candidates: Tensor, space: Space, box: float, weight: float) -> Tensor:
    """Of the box |x| <= b on network inputs, by the candidates' coordinates (..., r)."""
    inputs = space.inputs(candidates)
    outside = inputs - inputs.clamp(-box, box)
    return space.coordinates(outside) * (2 * weight)


def dual_gradient(lambdas: Tensor, lambda_min: Tensor) -> Tensor:
    """Of dual feasibility, by lambdas (K, m); lambda_min: (K, 1)."""
    return (lambda_min - lambdas).relu_() * (-2 * DUAL_WEIGHT)
