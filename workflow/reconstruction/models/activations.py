"""The activations of hidden layers: a table entry each.

A piecewise linear one is positively homogeneous, f(cz) = c f(z) for c > 0, and keeps the sign of z, so that its
derivative can be read off its values as well. A smooth one has a second derivative.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class Activation(ABC):
    """f, entry by entry."""

    name: str
    module: type[nn.Module]  # of which PyTorch calls it
    is_homogeneous: bool

    @abstractmethod
    def value(self, z: Tensor) -> Tensor:
        """f(z)."""

    def value_(self, z: Tensor) -> Tensor:
        """f(z), perhaps in the memory of z."""
        return self.value(z)

    @abstractmethod
    def derivative(self, z: Tensor) -> Tensor:
        """f'(z); at a kink, that of its left."""

    def __str__(self) -> str:
        return self.module.__name__


class PiecewiseLinear(Activation):
    """max(z, slope z)."""

    is_homogeneous = True
    slope: float  # below zero


class ReLU(PiecewiseLinear):
    name, module, slope = "relu", nn.ReLU, 0.0

    def value(self, z: Tensor) -> Tensor:
        return z.relu()

    def value_(self, z: Tensor) -> Tensor:
        return z.relu_()

    def derivative(self, z: Tensor) -> Tensor:
        return (z > 0).to(z.dtype)


class LeakyReLU(PiecewiseLinear):
    name, module, slope = "leaky-relu", nn.LeakyReLU, 0.01

    def value(self, z: Tensor) -> Tensor:
        return functional.leaky_relu(z, self.slope)

    def value_(self, z: Tensor) -> Tensor:
        return functional.leaky_relu_(z, self.slope)

    def derivative(self, z: Tensor) -> Tensor:
        return torch.full_like(z, self.slope).masked_fill_(z > 0, 1)


class Smooth(Activation):
    is_homogeneous = False

    @abstractmethod
    def second_derivative(self, z: Tensor) -> Tensor:
        """f''(z)."""


class GELU(Smooth):
    """z P(z), with P the normal distribution function and p its density."""

    name, module = "gelu", nn.GELU

    def value(self, z: Tensor) -> Tensor:
        return functional.gelu(z)

    def derivative(self, z: Tensor) -> Tensor:
        return torch.special.ndtr(z) + z * self._density(z)

    def second_derivative(self, z: Tensor) -> Tensor:
        return (2 - z * z) * self._density(z)

    def _density(self, z: Tensor) -> Tensor:
        return (z * z * -0.5).exp() / math.sqrt(2 * math.pi)


class Tanh(Smooth):
    name, module = "tanh", nn.Tanh

    def value(self, z: Tensor) -> Tensor:
        return z.tanh()

    def derivative(self, z: Tensor) -> Tensor:
        return z.cosh().square().reciprocal()  # unlike 1 - tanh^2 as exact far out as near 0

    def second_derivative(self, z: Tensor) -> Tensor:
        return -2 * z.tanh() * self.derivative(z)


class SiLU(Smooth):
    """z s(z), with s the sigmoid."""

    name, module = "silu", nn.SiLU

    def value(self, z: Tensor) -> Tensor:
        return functional.silu(z)

    def derivative(self, z: Tensor) -> Tensor:
        share = z.sigmoid()
        return share * (1 + z * (1 - share))

    def second_derivative(self, z: Tensor) -> Tensor:
        share = z.sigmoid()
        return share * (1 - share) * (2 + z * (1 - 2 * share))


RELU = ReLU()
ACTIVATIONS: dict[str, Activation] = {each.name: each for each in (RELU, LeakyReLU(), GELU(), Tanh(), SiLU())}
