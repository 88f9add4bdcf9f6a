"""The activations of hidden layers: a table entry each.

A piecewise linear one is positively homogeneous, f(cz) = c f(z) for c > 0, and keeps the sign of z, so that its
derivative can be read off its values as well. A smooth one has a second derivative.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class Activation(ABC):
    """f, entry by entry."""

    name: str
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

    @abstractmethod
    def module(self) -> nn.Module:
        """The same by PyTorch."""

    def __str__(self) -> str:
        return type(self).__name__


class PiecewiseLinear(Activation):
    """max(z, slope z)."""

    is_homogeneous = True
    slope: float  # below zero


class ReLU(PiecewiseLinear):
    name, slope = "relu", 0.0

    def module(self) -> nn.Module:
        return nn.ReLU()

    def value(self, z: Tensor) -> Tensor:
        return z.relu()

    def value_(self, z: Tensor) -> Tensor:
        return z.relu_()

    def derivative(self, z: Tensor) -> Tensor:
        return (z > 0).to(z.dtype)


@dataclass(frozen=True)
class LeakyReLU(PiecewiseLinear):
    slope: float = 0.01
    name = "leaky-relu"

    def module(self) -> nn.Module:
        return nn.LeakyReLU(self.slope)

    def __str__(self) -> str:
        return f"LeakyReLU({self.slope:g})"

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

    name = "gelu"

    def module(self) -> nn.Module:
        return nn.GELU()

    def value(self, z: Tensor) -> Tensor:
        return functional.gelu(z)

    def derivative(self, z: Tensor) -> Tensor:
        return torch.special.ndtr(z) + z * self._density(z)

    def second_derivative(self, z: Tensor) -> Tensor:
        return (2 - z * z) * self._density(z)

    def _density(self, z: Tensor) -> Tensor:
        return (z * z * -0.5).exp() / math.sqrt(2 * math.pi)


class Tanh(Smooth):
    name = "tanh"

    def module(self) -> nn.Module:
        return nn.Tanh()

    def value(self, z: Tensor) -> Tensor:
        return z.tanh()

    def derivative(self, z: Tensor) -> Tensor:
        return z.cosh().square().reciprocal()  # unlike 1 - tanh^2 as exact far out as near 0

    def second_derivative(self, z: Tensor) -> Tensor:
        return -2 * z.tanh() * self.derivative(z)


class SiLU(Smooth):
    """z s(z), with s the sigmoid."""

    name = "silu"

    def module(self) -> nn.Module:
        return nn.SiLU()

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


def activation_of(name: str, slope: float | None = None) -> Activation:
    """As a configuration names it; slope: of leaky-relu, where it has another than PyTorch's."""
    return ACTIVATIONS[name] if slope is None else LeakyReLU(slope)
