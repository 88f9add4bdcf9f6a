"""Whether the exact attack applies to a network, by its weights alone.

It needs a stationary point under weight decay. There a layer's squared norm, its bias counted with it, is that of the
next one's weights, |W_k|^2 + |b_k|^2 = |W_(k+1)|^2, for both are -1 / decay times the sum over images of a_k . dL/da_k,
as s z = relu(z) for s in the subdifferential. On the flow of the loss alone it is the differences that are conserved
(Du et al. 2018), so that layers that began apart stay apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ...models.mlp import Network
from ..subspace import rank_above_noise

IMBALANCE = 0.02  # of the largest squared norm; 3,000 steps of settling leave 1e-4
FLOOR = 1e-2  # of the squared norm of W_1, in what cannot be told from noise


@dataclass(frozen=True)
class Condition:
    """rank: singular values of W_1 above noise, or those that are told; floor: the share of the squared norm below.

    imbalance: the largest difference of a layer's squared norm and that of the next one's weights, over the largest;
    nan of smooth activations, under which nothing is known to be equal.
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
        if math.isnan(self.imbalance):
            return (
                "the exact attack does not apply: under a smooth activation no balance of the layers' norms tells "
                "whether weight decay has brought the network to rest"
            )
        if self.imbalance > IMBALANCE:
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
    floor = values[rank:].square().sum() / values.square().sum()
    return Condition(rank, floor.item(), _imbalance(network))


def _imbalance(network: Network) -> float:
    if not network.activation.is_homogeneous:
        return math.nan
    handed = network.squared_norms.double().tolist()
    taken = [weight.double().square().sum().item() for weight in network.weights]
    most = max(handed + taken)
    return max((abs(below - above) / most for below, above in zip(handed, taken[1:], strict=False)), default=0.0)
