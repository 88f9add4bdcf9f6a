"""Whether the exact attack applies to a network, by its weights alone.

It needs a stationary point under weight decay. There every layer of a homogeneous network has the same squared norm,
for theta_k . grad_k L = -decay |theta_k|^2 is the same for all k (Euler's theorem); on the flow of the loss alone it
is the differences that are conserved (Du et al. 2018), so that layers that began apart stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...models.mlp import Network

FALL = 3.0  # ratio of successive singular values that noise does not show
EDGE = 4  # but in its last few
ROUNDING = 1e-8  # of the largest singular value: a tenth of float32's precision
IMBALANCE = 0.02  # of the largest squared norm; 3,000 steps of settling leave 1e-4
FLOOR = 1e-2  # of the squared norm of W_1, below the fall of its spectrum


@dataclass(frozen=True)
class Condition:
    """rank: singular values of W_1 above the steepest fall of its spectrum; floor: the share of the squared norm below.

    imbalance: the range of the layers' squared norms over the largest.
    """

    rank: int
    floor: float
    imbalance: float

    @property
    def applies(self) -> bool:
        return self.rank > 0 and self.imbalance <= IMBALANCE and self.floor <= FLOOR

    def __str__(self) -> str:
        if not self.rank:
            return "the exact attack does not apply: the first layer is zero"
        if not self.imbalance <= IMBALANCE:
            return (
                f"the exact attack does not apply: the layers' squared norms differ by {self.imbalance:.0%}, where a "
                "network that weight decay has brought to rest has them equal"
            )
        if self.floor > FLOOR:
            return (
                f"the exact attack does not apply: {self.floor:.0%} of the first layer's squared norm lies below the "
                "fall of its spectrum, so that its initial values are still in it"
            )
        return (
            f"the exact attack applies: the layers' squared norms agree to {self.imbalance:.1g}, and the first layer "
            f"has rank {self.rank}"
        )


def condition(network: Network, rank: int | None = None) -> Condition:
    """rank: of the span of the training images, where it is known; by default where the spectrum falls most steeply."""
    values = torch.linalg.svdvals(network.weights[0].double())
    if not values.any():
        return Condition(0, 1.0, 1.0)
    rank = spectral_rank(values) if rank is None else rank
    norms = network.squared_norms.double()
    floor = values[rank:].square().sum() / values.square().sum()
    return Condition(rank, floor.item(), ((norms.max() - norms.min()) / norms.max()).item())


def spectral_rank(values: Tensor) -> int:
    """The number of singular values of W_1 above the steepest fall, or all that rounding has left where nothing falls.

    Weights that were stored as float32 have singular values of rounding, and the true ones may run into them.
    """
    sound = values[values > ROUNDING * values[0]]
    falls = sound[:-EDGE] / sound[1 : 1 - EDGE] if len(sound) == len(values) else sound / values[1 : len(sound) + 1]
    if not len(falls):
        return len(sound)
    steepest = int(falls.argmax())
    return steepest + 1 if falls[steepest] > FALL else len(sound)
