"""Model inversion: the images that a network answers most strongly, a baseline that looks for no training image.

Gradient ascent on y Phi(x) within the pixel box (Fredrikson et al. 2015).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.mlp import Network, activations, sensitivities

COUNT = 100  # images, half of each label
STEPS = 200
STEP = 0.02  # of the largest pixel value, in the direction of the gradient's sign
INITIAL_SCALE = 0.1


def invert(network: Network, box: float, seed: int) -> Tensor:
    """COUNT network inputs (COUNT, D) in [-box, box], from Gaussian noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = INITIAL_SCALE * box * torch.randn(COUNT, network.input_size, generator=generator)
    labels = network.family.candidate_labels(COUNT)
    for _ in range(STEPS):
        gradient = sensitivities(network, activations(network, inputs), labels)[0] @ network.weights[0]
        inputs = (inputs + STEP * box * gradient.sign()).clamp(-box, box)
    return inputs
