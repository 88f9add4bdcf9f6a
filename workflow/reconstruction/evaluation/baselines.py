"""Images read off a network without any search: what simpler attacks would answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..models.deployed import Deployed
from ..models.mlp import Network, activations, sensitivities

COUNT = 100  # images of the inversion, half of each label
STEPS = 200
STEP = 0.02  # of the largest pixel value, in the direction of the gradient's sign
INITIAL_SCALE = 0.1


def inputs(model: Deployed, seed: int) -> dict[str, np.ndarray]:
    """By name, network inputs (N, D) that each of them answers with; a direction counts with either sign."""
    first = model.network.weights[0].numpy()
    directions = model.directions[: min(first.shape)]
    return {
        "first_layer_weights": np.concatenate([first, -first]),
        "singular_vectors": np.concatenate([directions, -directions]),
        "model_inversion": invert(model.network, model.box, seed).numpy(),
    }


def invert(network: Network, box: float, seed: int) -> Tensor:
    """The network inputs (COUNT, D), in [-box, box], that it answers most strongly, with either sign where it has one
    output; looks for no training image.

    Model inversion: gradient ascent on y Phi(x) from Gaussian noise (Fredrikson et al. 2015).
    """
    network, generator = replace(network, regression=None), torch.Generator().manual_seed(seed)
    size = box if math.isfinite(box) else 1.0
    inputs = INITIAL_SCALE * size * torch.randn(COUNT, network.input_size, generator=generator)
    labels = network.family.candidate_labels(COUNT)
    for _ in range(STEPS):
        gradient = sensitivities(network, activations(network, inputs), labels)[0] @ network.weights[0]
        inputs = (inputs + STEP * size * gradient.sign()).clamp(-box, box)
    return inputs
