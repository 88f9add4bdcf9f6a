"""The trained model as it is deployed, and all that the attack is given: weights, input shape, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import store
from .errors import UserError
from .network import Network


@dataclass(frozen=True)
class Deployed:
    """network: float32 on the CPU; mean: (C, H, W), subtracted from every image before it enters."""

    network: Network
    mean: np.ndarray
    stored: store.Stored

    def inputs(self, images: np.ndarray) -> Tensor:
        """Images (n, C, H, W) in [0, 1] as network inputs (n, D)."""
        return torch.from_numpy((images - self.mean).reshape(len(images), -1))


def arrays(network: Network, mean: np.ndarray) -> dict[str, np.ndarray]:
    """What model.h5 holds: weights/1 .. weights/L, bias and mean, as float32."""
    weights = {f"weights/{layer}": weight.float().numpy() for layer, weight in enumerate(network.weights, start=1)}
    return {**weights, "bias": network.bias.float().numpy(), "mean": mean}


def read(path: Path) -> Deployed:
    """Read model.h5; raises UserError where its shapes do not make a network or a weight is not finite."""
    stored = store.read(path, "model")
    depth = sum(name.startswith("weights/") for name in stored.arrays)
    network = Network(
        tuple(torch.from_numpy(stored[f"weights/{layer}"]) for layer in range(1, depth + 1)),
        torch.from_numpy(stored["bias"]),
    )
    if not all(parameter.isfinite().all() for parameter in network.parameters):
        raise UserError(f"{path}: has a weight that is no finite number; train the model again")
    return Deployed(network, stored["mean"], stored)
