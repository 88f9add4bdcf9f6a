"""Images read off a network without any search: what simpler attacks would answer."""

from __future__ import annotations

import numpy as np

from ..models.deployed import Deployed
from . import inversion


def inputs(model: Deployed, seed: int) -> dict[str, np.ndarray]:
    """By name, network inputs (N, D) that each of them answers with; a direction counts with either sign."""
    first = model.network.weights[0].numpy()
    directions = model.directions[: min(first.shape)]
    box = 1 / float(model.std.min())
    return {
        "first_layer_weights": np.concatenate([first, -first]),
        "singular_vectors": np.concatenate([directions, -directions]),
        "model_inversion": inversion.invert(model.network, box, seed).numpy(),
    }
