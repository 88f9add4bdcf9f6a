"""What stands for the activation's derivative in the search's backward passes, and how that changes with z.

A piecewise linear activation's derivative is a step, and a sigmoid of sharpness alpha takes its place (Haim et al.
2022, appendix A): s = slope + (1 - slope) sigmoid(alpha z). A smooth one's is its own.
"""

from __future__ import annotations

from torch import Tensor

from ...models.activations import Activation, PiecewiseLinear, Smooth


def gate(activation: Activation, z: Tensor, sharpness: Tensor) -> Tensor:
    """s at z; sharpness: alpha, of a shape that broadcasts with z."""
    if isinstance(activation, Smooth):
        return activation.derivative(z)
    opened, slope = (sharpness * z).sigmoid_(), _slope(activation)
    return slope + (1 - slope) * opened if slope else opened


def gate_derivative(activation: Activation, z: Tensor, opened: Tensor, sharpness: Tensor) -> Tensor:
    """ds/dz at z, where s is opened; of a piecewise linear activation, which s tells by itself, z is not looked at."""
    if isinstance(activation, Smooth):
        return activation.second_derivative(z)
    changed, slope = (1 - opened).mul_(sharpness), _slope(activation)
    return changed.mul_(opened - slope).div_(1 - slope) if slope else changed.mul_(opened)


def _slope(activation: Activation) -> float:
    assert isinstance(activation, PiecewiseLinear)
    return activation.slope
