"""Images read off a network without any search: what simpler attacks would answer."""

from __future__ import annotations

import torch
from torch import Tensor

from . import inversion
from .deployed import Deployed


def candidates(model: Deployed, seed: int) -> dict[str, Tensor]:
    """By name, mean-subtracted pixels (N, D) that each of them answers with; a direction counts with either sign."""
    first = model.network.weights[0]
    directions = torch.linalg.svd(first.double(), full_matrices=False).Vh.float()
    box = 1 / float(model.std.min())
    return {
        "first_layer_weights": model.pixels(torch.cat([first, -first])),
        "singular_vectors": model.pixels(torch.cat([directions, -directions])),
        "model_inversion": model.pixels(inversion.invert(model.network, box, seed)),
    }
