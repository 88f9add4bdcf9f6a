"""What weights say by themselves of whether a network was read as it was trained.

Gradient descent conserves, for each hidden unit of a ReLU or LeakyReLU network, the squared norm of its incoming
weights less that of its outgoing ones (Du et al. 2018): what it has learnt stands on both sides. And weights of a first
layer that saw photographs look like photographs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .folding import channels_first, channels_last
from .mlp import Network

FEWEST = 8  # units that a correlation is taken of
SMOOTHER = 0.7  # of the other order's roughness; without smooth images, no order is


def balance(network: Network) -> float:
    """The smallest correlation, over the hidden layers, of the squared norms of units' incoming and outgoing weights;
    nan where no layer has units enough, or the activation is such that nothing is conserved."""
    if not network.activation.is_homogeneous:
        return math.nan
    found = []
    for (weight, following), bias in zip(pairwise(network.weights), network.biases, strict=False):
        incoming = weight.double().square().sum(1)
        if bias is not None:
            incoming = incoming + bias.double().square()
        if len(incoming) >= FEWEST:
            both = torch.stack([incoming, following.double().square().sum(0)])
            both = both - both.mean(1, keepdim=True)
            found.append(float(both[0] @ both[1] / both.norm(dim=1).prod()) if both.any(1).all() else 0.0)
    return min(found, default=math.nan)


def dead_layer(network: Network) -> int | None:
    """The first layer, from 1, that no weight leads through from the input, or none whose square float32 can hold."""
    reached = torch.ones(network.input_size, dtype=torch.bool)
    for layer, weight in enumerate(network.weights, start=1):
        reached = (weight[:, reached].float().square() > 0).any(1)
        if not reached.any():
            return layer
    return None


def has_smooth_inputs(weight: Tensor, input_shape: Sequence[int]) -> bool:
    """Whether no other order of inputs (C, H, W) makes a first layer's rows much smoother pictures; vectors (D,) are
    none."""
    if len(input_shape) < 3 or input_shape[0] == 1:
        return True
    rough, *others = (
        roughness(rows.view(-1, *input_shape))
        for rows in (weight, channels_first(weight, input_shape), channels_last(weight, input_shape))
    )
    return not min(others) < SMOOTHER * rough


def roughness(pictures: Tensor) -> float:
    """The mean squared difference of neighbouring pixels of pictures (n, C, H, W), over twice their variance."""
    differences = torch.cat([pictures.diff(dim=axis).flatten() for axis in (2, 3)])
    return float(differences.double().square().mean() / (2 * pictures.double().var()))
