"""Images read off a network without any search: what simpler attacks would answer."""

from __future__ import annotations

import numpy as np
import torch

from . import inversion
from .deployed import Deployed


def inputs(model: Deployed, seed: int) -> dict[str, np.ndarray]:
    """By name, network inputs (N, D) that each of them answers with; a direction counts with either sign."""
    first = model.network.weights[0]
    directions = torch.linalg.svd(first.double(), full_matrices=False).Vh.float()
    box = 1 / float(model.std.min())
    answers = {
        "first_layer_weights": torch.cat([first, -first]),
        "singular_vectors": torch.cat([directions, -directions]),
        "model_inversion": inversion.invert(model.network, box, seed),
    }
    return {name: answer.numpy() for name, answer in answers.items()}
