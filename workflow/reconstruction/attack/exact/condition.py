"""Whether the exact attack applies to a network, by its weights alone.

It needs a stationary point under weight decay. There every layer of a homogeneous network has the same squared norm,
for theta_k . grad_k L = -decay |theta_k|^2 is the same for all k (Euler's theorem); on the flow of the loss alone it
is the differences that are conserved (Du et al. 2018), so that layers that began apart stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...models.mlp import Network
from ..subspace import rank_above_noise

IMBALANCE = 0.02  # of the largest squared norm; 3,000 steps of settling leave 1e-4
FLOOR = 1e-2  # of the squared norm of W_1, in what cannot be told from noise


@dataclass(frozen=True)
class Condition:
    """rank: singular values of W_1 above noise, or those that are told; floor: the share of the squared norm below.

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
            return "the exact attack does not apply: nothing of the first layer stands out of noise"
        if not self.imbalance <= IMBALANCE:
            return (
                f"the exact attack does not apply: the layers' squared norms differ by {self.imbalance:.0%}, where a "
                "network that weight decay has brought to rest has them equal"
            )
        if self.floor > FLOOR:
            return (
                f"the exact attack does not apply: {self.floor:.0%} of the first layer's squared norm cannot be told "
                "from noise, so that its initial values are still in it"
            )
        return (
            f"the exact attack applies: the layers' squared norms agree to {self.imbalance:.1g}, and the first layer "
            f"has rank {self.rank}"
        )


def condition(network: Network, rank: int | None = None) -> Condition:
    """rank: of the span of the training images, where it is known; by default what stands above noise."""
    first = network.weights[0].double()
    rank = rank_above_noise(first) if rank is None else rank
    if not rank or not first.any():
        return Condition(0, 1.0, 1.0)
    values = torch.linalg.svdvals(first)
    norms = network.squared_norms.double()
    floor = values[rank:].square().sum() / values.square().sum()
    return Condition(rank, floor.item(), ((norms.max() - norms.min()) / norms.max()).item())
