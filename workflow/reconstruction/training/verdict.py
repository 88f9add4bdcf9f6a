"""Whether what the attack assumes holds for a model, and by which figure.

It assumes that the weights are a sum of the training images' gradients, as training a homogeneous network for long from
a small first layer, or any under weight decay, leaves them. Training images tell how much of the first layer is no such
sum, and of further layers where weight decay alone leads to it: of a regression, and where the network is not
homogeneous, its activation smooth or biases beyond the first layer. Weight decay explains all layers, while without it
a first layer of few directions is explained by nearly anything. Weights alone can only tell that it cannot be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.mlp import Network
from ..models.plausibility import balance, has_smooth_inputs

HOLDS, IN_PART, FAILS, UNKNOWN = "holds", "holds in part", "does not hold", "not known"
SMALL, LARGE = 0.25, 0.6  # of the first layer; ReLU networks trained for long leave 0.05 to 0.5
BALANCED = 0.5  # a correlation; 0.97 and more after training for long, 0.3 and less otherwise
OTHERWISE = (
    "a network trained by Adam, from larger initial values, for a short time or with batch normalisation is like that, "
    "and of it this attack can tell little"
)
CAUSES = (
    "check the order of the layers (`layers`) and of the inputs (`input_order`), the activation (`activation`), "
    "mean and std, and the labels"
)


@dataclass(frozen=True)
class Verdict:
    """unexplained: the share of the first layer that the training images leave, if there are any; unexplained_beyond:
    the largest of a further layer, where weight decay alone leads there; balance: see models/plausibility.py."""

    condition: str
    unexplained: float | None
    unexplained_beyond: float | None
    balance: float

    @property
    def is_doubtful(self) -> bool:
        return self.condition in (IN_PART, FAILS)

    @property
    def columns(self) -> dict[str, Any]:
        """What the table says of it."""
        return vars(self)

    def __str__(self) -> str:
        if self.condition == UNKNOWN:
            return "whether what the attack assumes holds cannot be told without the training images"
        return f"what the attack assumes {self.condition}"


def by_images(network: Network, shares: np.ndarray) -> Verdict:
    """shares: (L,), of each layer's squared norm, that the training images leave."""
    led_by_margins = network.is_homogeneous and not network.regression
    first, beyond = float(shares[0]), None if led_by_margins else float(shares[1:].max())
    worst = max(first, beyond or 0)
    condition = HOLDS if worst <= SMALL else IN_PART if worst <= LARGE else FAILS
    return Verdict(condition, first, beyond, balance(network))


def by_weights(network: Network, input_shape: Sequence[int]) -> Verdict:
    found = balance(network)
    fails = found < BALANCED or not has_smooth_inputs(network.weights[0], input_shape)
    return Verdict(FAILS if fails else UNKNOWN, None, None, found)


def reason(columns: Mapping[str, Any]) -> str:
    """The figure that decided a verdict, in words, from what the table says of it."""
    unexplained, beyond, found = columns.get("unexplained"), columns.get("unexplained_beyond"), columns["balance"]
    if unexplained is not None and unexplained == unexplained:
        further = "" if beyond is None or beyond != beyond else f" and {beyond:.0%} of a further one"
        return f"the training images leave {unexplained:.0%} of the first layer{further} unexplained"
    if found < BALANCED:
        return (
            f"the squared norms of units' incoming and outgoing weights correlate by {found:.2f} only, where training "
            "for long leaves 0.9 and more"
        )
    if columns["condition"] == FAILS:
        return (
            "the first layer's weights are much smoother pictures with the inputs in another order, H, W, C or C, H, W"
        )
    return "the weights alone do not speak against it"
