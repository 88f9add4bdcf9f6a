"""What is known of an image before any search, from no other images: its size by the pixel range, its spread along
W_1's directions, and that pictures are smooth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..pictures import colour_correlations, variances
from .equations import Equations

POWER = 0.5  # variances in proportion to W_1's singular values to this power
SPREAD = 0.23  # standard deviation of mean-subtracted pixels in [0, 1]


@dataclass(frozen=True)
class Prior:
    """covariance: (r, r), of an image's coordinates; biased: whether the bias's, which is 1 for all, comes last."""

    covariance: Tensor
    biased: bool

    @cached_property
    def precision(self) -> Tensor:
        """(d, d); the bias's coordinate is free, for z has no scale of its own."""
        inverse = torch.linalg.inv(self.covariance)
        return torch.nn.functional.pad(inverse, (0, int(self.biased), 0, int(self.biased)))

    @property
    def size(self) -> float:
        """|c| of a typical image, the bias's coordinate aside."""
        return self.covariance.trace().sqrt().item()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Starts z (count, d), float32."""
        root = torch.linalg.cholesky(self.covariance).float()
        z = torch.randn(count, len(root) + int(self.biased), generator=generator)
        z[:, : len(root)] @= root.T
        if self.biased:
            z[:, -1] = 1
        return z


def from_weights(equations: Equations, std: Tensor | None = None) -> Prior:
    """The prior of network inputs; std: what pixels (C, H, W), or coordinates (D,) that make no picture, were divided
    by on the way into the network.

    Precisions add up: that of W_1's singular values, and of pictures that of their spectrum, each of the same size.
    """
    size = SPREAD * equations.basis.shape[1] ** 0.5
    if std is not None:
        size = SPREAD * std.double().square().reciprocal().sum().sqrt().item()
    spread = equations.spectrum**POWER
    covariance = torch.diag(spread / spread.sum())
    if std is not None and std.dim() == 3:
        smooth = _smooth(equations.basis / std.double().reshape(-1), std.shape)
        covariance = torch.linalg.inv(torch.linalg.inv(covariance) + torch.linalg.inv(smooth / smooth.trace()))
    return Prior(covariance * (size**2 / covariance.trace()), equations.biased)


def _smooth(basis: Tensor, shape: torch.Size) -> Tensor:
    """The covariance (r, r) that basis (r, D) makes of pictures (C, H, W)."""
    channels, *sides = shape
    waves = torch.fft.fft2(basis.reshape(-1, *shape)) * variances(sides).sqrt()
    mixed = torch.einsum("dc,rdhw->rchw", torch.linalg.cholesky(colour_correlations(channels)).to(waves.dtype), waves)
    parts = torch.view_as_real(mixed).reshape(len(basis), -1)
    return parts @ parts.T
