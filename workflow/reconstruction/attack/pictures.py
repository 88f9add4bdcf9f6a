"""What is known of pictures: how their variance falls with spatial frequency, and how alike their colour channels are.
Of any without seeing one, or of a kind by public images of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.fft import fft2

from ..errors import UserError
from ..files import arrays

FALL = 2.5  # pictures' variance falls with this power of spatial frequency; Field 1987: with about the second
SLOWEST = 0.5  # cycles a picture, below which it falls no more
COLOURS = 0.9  # correlation of two colour channels
LEAST = 1e-4  # variance of a wave, of the largest: as far as the law falls on pictures of 32 pixels


def squared_frequencies(sides: Sequence[int]) -> Tensor:
    """Of each wave (H, W) of a picture, in cycles a picture, as torch.fft.fft2 orders them."""
    vertical, horizontal = (torch.fft.fftfreq(side, 1 / side, dtype=torch.float64) for side in sides)
    return vertical[:, None].square() + horizontal.square()


def variances(sides: Sequence[int]) -> Tensor:
    """Of each wave (H, W), up to a factor (van der Schaaf and van Hateren 1996)."""
    return (squared_frequencies(sides) + SLOWEST**2) ** (-FALL / 2)


def colour_correlations(channels: int) -> Tensor:
    """(C, C)."""
    return torch.full((channels, channels), COLOURS, dtype=torch.float64).fill_diagonal_(1)


@dataclass(frozen=True)
class Spectrum:
    """Pictures' covariance: of each wave (H, W), up to a factor, and how their channels correlate (C, C); float64."""

    variances: Tensor
    colours: Tensor

    @staticmethod
    def of_any(shape: Sequence[int]) -> Spectrum:
        """Of pictures (C, H, W) in general."""
        channels, *sides = shape
        return Spectrum(variances(sides), colour_correlations(channels))

    @staticmethod
    def measured(images: Tensor) -> Spectrum:
        """Of public images (n, C, H, W) about their mean."""
        deviations = images.double() - images.double().mean(0)
        found = fft2(deviations).abs().square().mean((0, 1))
        colours = torch.corrcoef(deviations.transpose(0, 1).flatten(1)).reshape(images.shape[1], -1)
        return Spectrum(found.clamp(min=LEAST * found.max().item()), colours)


def public_spectrum(path: str, shape: Sequence[int]) -> Spectrum:
    """Of public images, an NPZ or HDF5 file's `images` (N, H, W) or (N, H, W, C), as pictures (C, H, W) of a shape.

    Raises UserError.
    """
    with arrays.opened(path) as file:
        if "images" not in file.names():
            raise UserError(f"{path}: has no array 'images'", "store the public images under that name")
        found = file.read(["images"])["images"]
    if found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        raise UserError(f"{path}: images are not all finite numbers", "save them as uint8, or as float in 0 .. 1")
    wanted = (*shape[1:], shape[0])
    pictures = found[..., None] if found.ndim == 3 else found
    if pictures.shape[1:] != wanted or len(found) < 2:
        raise UserError(
            f"{path}: images have shape {found.shape}, and the model's pictures (H, W, C) are {wanted}",
            "give two or more of the model's shape",
        )
    return Spectrum.measured(torch.from_numpy(pictures).permute(0, 3, 1, 2))
