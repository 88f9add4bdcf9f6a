"""The space that candidates are searched for in: all network inputs, or a subspace of them, by coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .mlp import Network


@dataclass(frozen=True)
class Space:
    """Coordinates c (..., r) stand for network inputs x = c @ basis.

    basis: (r, D), orthonormal rows, or None where the coordinates are the inputs themselves; scales: (r,), of initial
    values and steps along each direction, or None where all are alike.
    """

    basis: Tensor | None = None
    scales: Tensor | None = None

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> Space:
        """The space whose arrays a file keeps."""
        return Space(torch.from_numpy(arrays["basis"])) if "basis" in arrays else INPUTS

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file keeps of the space, float32."""
        return {} if self.basis is None else {"basis": self.basis.float().numpy()}

    def to(self, like: Tensor) -> Space:
        """The space on the device and in the dtype of another tensor."""
        moved = (part if part is None else part.to(like) for part in (self.basis, self.scales))
        return Space(*moved)

    @property
    def is_whole(self) -> bool:
        """Whether coordinates are the network inputs themselves."""
        return self.basis is None

    def inputs(self, coordinates: Tensor) -> Tensor:
        """Network inputs (..., D) of coordinates (..., r)."""
        return coordinates if self.basis is None else coordinates @ self.basis

    def coordinates(self, inputs: Tensor) -> Tensor:
        """Coordinates (..., r) of the points of the space that are nearest to network inputs (..., D)."""
        return inputs if self.basis is None else inputs @ self.basis.T

    def restrict(self, network: Network) -> Network:
        """The same network, of coordinates."""
        return network if self.basis is None else network.project_inputs(self.basis)

    def scale(self, values: Tensor) -> Tensor:
        """Values (..., r or 1), each times the scale of its direction."""
        return values if self.scales is None else values * self.scales

    def turned(self, other: Space, coordinates: np.ndarray) -> np.ndarray:
        """Coordinates (..., r) in this space of points that have the given ones in another basis of it."""
        if self.basis is None or other.basis is None or torch.equal(self.basis, other.basis):
            return coordinates
        return coordinates @ (other.basis.numpy() @ self.basis.numpy().T)


INPUTS = Space()
