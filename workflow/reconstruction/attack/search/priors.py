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
        slopes.mul_(torch.addcmul(slopes.new_tensor(ROUNDED**2), slopes, slopes).rsqrt_())
        gradient.narrow(axis, 1, slopes.shape[axis]).add_(slopes)
        gradient.narrow(axis, 0, slopes.shape[axis]).sub_(slopes)
    return gradient


def high_pass(pictures: Tensor, spectrum: Spectrum) -> Tensor:
    frequencies = squared_frequencies(pictures.shape[-2:])
    passed = (frequencies > frequencies.amax() / 4).to(pictures)
    return ifft2(fft2(pictures) * (passed / passed.mean())).real * 2


def falling_spectrum(pictures: Tensor, spectrum: Spectrum) -> Tensor:
    precisions = spectrum.variances.reciprocal().to(pictures)
    colours = torch.linalg.inv(spectrum.colours).to(pictures)
    waves = ifft2(fft2(pictures) * (precisions / precisions.mean())).real
    return torch.einsum("dc,...chw->...dhw", colours / colours.diagonal().mean(), waves) * 2


OF_PICTURES: dict[str, Gradient] = {"range": out_of_range, "total-variation": total_variation}
QUADRATIC: dict[str, Callable[[Tensor, Spectrum], Tensor]] = {"high-pass": high_pass, "spectrum": falling_spectrum}


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
            pixels = self.pixels.to(like.device, products if like.is_cuda else like.dtype)
            fast = Space(None if space.basis is None else space.basis.to(products))

            def of_pixels(coordinates: Tensor) -> Tensor:
                inputs = fast.inputs(coordinates.to(products)).flatten(0, -2)
                found = torch.empty_like(inputs)
                size = len(inputs) if like.is_cuda else BLOCK
                for some, result in zip(inputs.split(size), found.split(size), strict=True):
                    result.copy_(self._of_inputs(some.to(pixels.mean.dtype), pixels))
                return fast.coordinates(found).to(like.dtype).view_as(coordinates)

            return of_pixels
        if space.basis is None:
            pixels = self.pixels.to(like.device, like.dtype)
            return lambda coordinates: self._of_inputs(coordinates, pixels)
        pixels = self.pixels.to(like.device, torch.float64)
        basis = space.basis.double()
        matrix = (self._of_inputs(basis, pixels) @ basis.T).to(like.dtype)
        return lambda coordinates: coordinates @ matrix

    def _of_inputs(self, inputs: Tensor, pixels: Pixels) -> Tensor:
        """The gradient (..., D) at network inputs (..., D)."""
        std = pixels.std.reshape(-1)
        pictures = (inputs * std).unflatten(-1, pixels.mean.shape)
        if self.name in QUADRATIC:
            gradient = QUADRATIC[self.name](pictures, pixels.spectrum or Spectrum.of_any(pixels.mean.shape))
        else:
            gradient = OF_PICTURES[self.name](pictures + pixels.mean)
        return gradient.flatten(-3) * (std * self.weight)
