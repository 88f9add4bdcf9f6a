"""What is known of an image beyond the network's equations, as a penalty that the loss may add (docs/search.md).

range             sum of relu(-p)^2 + relu(p - 1)^2 over pixels p = x * std + mean, which are known to lie in 0 .. 1
total-variation   sum of |p - p'| over neighbours, rounded off below ROUNDED
high-pass         squared norm of the waves above half of the highest frequency
spectrum          x' C^-1 x, where C is the covariance of pictures, of any or of a kind (pictures.py)

The last two are of p less the mean image, and quadratic: in a subspace, a matrix of its coordinates. They are scaled so
that white noise costs its squared norm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.fft import fft2, ifft2

from ...models.space import Space
from ..pictures import Spectrum, squared_frequencies

ROUNDED = 0.01  # difference of two neighbours
BLOCK = 128  # candidates whose pixels a CPU's cache holds


@dataclass(frozen=True)
class Pixels:
    """What a model's network inputs x stand for: pictures x * std + mean, each (C, H, W), or vectors, each (D,).

    spectrum: of public images of the kind, if there are any.
    """

    mean: Tensor
    std: Tensor
    spectrum: Spectrum | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> Pixels:
        return replace(self, mean=self.mean.to(device, dtype), std=self.std.to(device, dtype))

    @property
    def are_pictures(self) -> bool:
        return self.mean.dim() == 3


Gradient = Callable[[Tensor], Tensor]  # of a penalty, by what it takes


def out_of_range(pictures: Tensor) -> Tensor:
    return (pictures - pictures.clamp(0, 1)) * 2


def total_variation(pictures: Tensor) -> Tensor:
    gradient = torch.zeros_like(pictures)
    for axis in (-1, -2):
        slopes = pictures.diff(dim=axis)
        slopes.mul_(slopes.square().add_(ROUNDED**2).rsqrt_())
        gradient.narrow(axis, 1, slopes.shape[axis]).add_(slopes)
        gradient.narrow(axis, 0, slopes.shape[axis]).sub_(slopes)
    return gradient


def high_pass(pixels: Pixels) -> tuple[Tensor, Tensor]:
    frequencies = squared_frequencies(pixels.mean.shape[1:])
    return (frequencies > frequencies.amax() / 4).double(), torch.eye(len(pixels.mean), dtype=torch.float64)


def inverse_covariance(pixels: Pixels) -> tuple[Tensor, Tensor]:
    spectrum = pixels.spectrum or Spectrum.of_any(pixels.mean.shape)
    return spectrum.variances.reciprocal(), torch.linalg.inv(spectrum.colours)


def filtering(waves: Tensor, colours: Tensor, like: Tensor) -> Gradient:
    """Of half the squared norm of pictures whose waves (H, W) and channels (C, C) are weighed so, times 2, in the dtype
    and on the device of another tensor."""
    waves, colours = (waves / waves.mean()).to(like), (colours / colours.diagonal().mean()).to(like)

    def gradient(pictures: Tensor) -> Tensor:
        return torch.einsum("dc,...chw->...dhw", colours, ifft2(fft2(pictures) * waves).real) * 2

    return gradient


OF_PICTURES: dict[str, Gradient] = {"range": out_of_range, "total-variation": total_variation}
QUADRATIC: dict[str, Callable[[Pixels], tuple[Tensor, Tensor]]] = {
    "high-pass": high_pass,
    "spectrum": inverse_covariance,
}  # weights of waves (H, W) and of channels (C, C)


@dataclass(frozen=True)
class Penalty:
    """A penalty by its name, what it counts in the loss, and from which share of the iterations to which."""

    name: str
    weight: float
    begins: float
    ends: float
    pixels: Pixels

    def iterations(self, count: int) -> range:
        """Of so many, those in which it counts."""
        return range(int(self.begins * count), int(self.ends * count))

    @property
    def needs_pixels(self) -> bool:
        return self.name in OF_PICTURES

    def gradient(self, space: Space, like: Tensor, products: torch.dtype) -> Gradient:
        """By candidates' coordinates (..., r), tensors of the dtype and on the device of another one; products: the
        dtype of those with the basis."""
        if self.needs_pixels:
            dtype = products if like.is_cuda else like.dtype
            of_inputs = self._of_inputs(self.pixels.to(like.device, dtype))
            fast = Space(None if space.basis is None else space.basis.to(products))

            def of_pixels(coordinates: Tensor) -> Tensor:
                inputs = fast.inputs(coordinates.to(products)).flatten(0, -2)
                found = torch.empty_like(inputs)
                size = len(inputs) if like.is_cuda else BLOCK
                for some, result in zip(inputs.split(size), found.split(size), strict=True):
                    result.copy_(of_inputs(some.to(dtype)))
                return fast.coordinates(found).to(like.dtype).view_as(coordinates)

            return of_pixels
        if space.basis is None:
            return self._of_inputs(self.pixels.to(like.device, like.dtype))
        basis = space.basis.double()
        matrix = (self._of_inputs(self.pixels.to(like.device, torch.float64))(basis) @ basis.T).to(like.dtype)
        return lambda coordinates: coordinates @ matrix

    def _of_inputs(self, pixels: Pixels) -> Gradient:
        """By network inputs (..., D); all that does not depend on them is computed here."""
        std, mean = pixels.std.reshape(-1), pixels.mean
        if self.name in QUADRATIC:
            of_deviations = filtering(*QUADRATIC[self.name](pixels), mean)
        else:

            def of_deviations(pictures: Tensor) -> Tensor:
                return OF_PICTURES[self.name](pictures + mean)

        return lambda inputs: of_deviations((inputs * std).unflatten(-1, mean.shape)).flatten(-3) * (std * self.weight)
