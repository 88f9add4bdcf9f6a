"""What is known of pictures without any: how their variance falls with spatial frequency, and how alike their colour
channels are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FALL = 2.5  # pictures' variance falls with this power of spatial frequency; Field 1987: with about the second
SLOWEST = 0.5  # cycles a picture, below which it falls no more
COLOURS = 0.9  # correlation of two colour channels


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
