"""What a model makes of the true data: the part of training.h5 that training and adoption share.

The attack does not read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..files import store
from ..models.deployed import UNIT, normalise
from ..models.family import Family
from ..models.logistic import LOGISTIC
from ..models.mlp import Network, margins, phi
from .descent import Record
from .true_stationarity import derivative_stationarity, on_margin, true_stationarity

PARTS = ("training", "held_out", "test")


@dataclass(frozen=True)
class LabelledInputs:
    """Network inputs (n, D) and labels (n,) of the network's family, float64."""

    inputs: Tensor
    labels: Tensor

    def margins(self, network: Network) -> Tensor:
        """Of shape (n,), of a float64 network."""
        return margins(network, self.inputs, self.labels)

    def outputs(self, network: Network) -> Tensor:
        """Of shape (n, C), of a float64 network."""
        return phi(network, self.inputs)


def parts(subset: store.Stored, mean: np.ndarray, std: np.ndarray = UNIT) -> dict[str, LabelledInputs]:
    """The parts of a subset by name, their images normalised as the network's inputs are."""
    return {
        name: LabelledInputs(
            normalise(subset[f"{name}/images"], mean, std).double(),
            torch.from_numpy(subset[f"{name}/labels"]).double(),
        )
        for name in PARTS
    }


def count(subset: store.Stored) -> int:
    """The images of all parts."""
    return sum(len(subset[f"{name}/images"]) for name in PARTS)


def examine(
    network: Network, data: dict[str, LabelledInputs], curve: Sequence[Record], weight_decay: float = 0.0
) -> dict[str, np.ndarray]:
    """The arrays of training.h5: the curve, each part's accuracy, and the training data's margins and stationarity.

    Of a regression each part's mean absolute error, too, which is minus its mean margin. Under weight decay also the
    stationarity that it makes exact, with lambda from the loss's derivative.
    """
    trained = data["training"]
    of_parts = {name: part.margins(network) for name, part in data.items()}
    found_margins = of_parts["training"].numpy()
    truth = true_stationarity(network, trained.inputs, trained.labels)
    exact = {}
    if weight_decay:
        derivative = derivative_stationarity(network, trained.inputs, trained.labels, weight_decay)
        exact = {"derivative_lambdas": derivative.lambdas, "derivative_residuals": derivative.residuals}
    return {
        **exact,
        **{f"curve/{name}": np.array([getattr(row, name) for row in curve]) for name in Record.__annotations__},
        **{f"accuracy/{name}": np.asarray(network.family.accuracy(found)) for name, found in of_parts.items()},
        **({f"error/{name}": -found.mean().numpy() for name, found in of_parts.items()} if network.regression else {}),
        "margins": found_margins,
        "on_margin": on_margin(found_margins),
        "true_lambdas": truth.lambdas,
        "true_residuals": truth.residuals,
        "squared_norms": truth.squared_norms,
    }


def quality(examined: Mapping[str, np.ndarray], part: str) -> str:
    """How well the network does on a part of the data, in words."""
    if f"error/{part}" in examined:
        return f"{part.replace('_', '-')} error {examined[f'error/{part}']:.3g}"
    return f"{part.replace('_', '-')} accuracy {examined[f'accuracy/{part}']:.1%}"


def unexplained(examined: Mapping[str, np.ndarray] | store.Stored) -> np.ndarray:
    """The shares (L,) of each layer's squared norm that the training images leave unexplained."""
    return examined["true_residuals"] / examined["squared_norms"]


def mistakes(margins: np.ndarray, what: str, family: Family = LOGISTIC) -> str:
    """Where the network errs on images that it was trained on, or on most of a pool, what may be wrong; or nothing, as
    of a regression."""
    if not family.labels:
        return ""
    wrong, otherwise = int((margins <= 0).sum()), int((margins >= 0).sum())
    swapped = f" (on {otherwise} with the two labels swapped)" if wrong > otherwise and family.outputs == 1 else ""
    return f"the network errs on {wrong} of {len(margins)} {what}{swapped}" if wrong else ""
