"""What is known of an image before any search: its size from the pixel range, its spread along W_1's directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .equations import Equations

POWER = 0.5  # variances in proportion to W_1's singular values to this power
SPREAD = 0.23  # standard deviation of mean-subtracted pixels in [0, 1]


@dataclass(frozen=True)
class Prior:
    """std: (d,), of each coordinate of z; the bias's, which is 1 for every image, comes last where there is one."""

    std: Tensor
    biased: bool

    @property
    def precision(self) -> Tensor:
        """(d, d); the bias's coordinate is free, for z has no scale of its own."""
        precision = self.std.square().reciprocal()
        if self.biased:
            precision[-1] = 0
        return torch.diag(precision)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Starts z (count, d), float32."""
        z = torch.randn(count, len(self.std), generator=generator) * self.std.float()
        if self.biased:
            z[:, -1] = 1
        return z


def from_weights(equations: Equations, pixel_std: Tensor | None = None) -> Prior:
    """The prior by the weights alone; pixel_std (D,) is what pixels were divided by on the way into the network."""
    size = SPREAD * equations.basis.shape[1] ** 0.5
    if pixel_std is not None:
        size = SPREAD * pixel_std.double().square().reciprocal().sum().sqrt().item()
    std = equations.spectrum ** (POWER / 2)
    std = std / std.norm() * size
    return Prior(torch.cat([std, std.new_ones(1)]) if equations.biased else std, equations.biased)
