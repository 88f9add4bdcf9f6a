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
from ..models.mlp import Network, accuracy, activations, margins, outputs
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
        return outputs(network, activations(network, self.inputs))


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

    Under weight decay also the stationarity that it makes exact, with lambda from the loss's derivative.
    """
    trained = data["training"]
    found_margins = trained.margins(network).numpy()
    truth = true_stationarity(network, trained.inputs, trained.labels)
    exact = {}
    if weight_decay:
        derivative = derivative_stationarity(network, trained.inputs, trained.labels, weight_decay)
        exact = {"derivative_lambdas": derivative.lambdas, "derivative_residuals": derivative.residuals}
    return {
        **exact,
        **{f"curve/{name}": np.array([getattr(row, name) for row in curve]) for name in Record.__annotations__},
        **{f"accuracy/{name}": np.asarray(accuracy(network, part.inputs, part.labels)) for name, part in data.items()},
        "margins": found_margins,
        "on_margin": on_margin(found_margins),
        "true_lambdas": truth.lambdas,
        "true_residuals": truth.residuals,
        "squared_norms": truth.squared_norms,
    }


def unexplained(examined: Mapping[str, np.ndarray] | store.Stored) -> float:
    """The share of the first layer's squared norm that the training images leave unexplained."""
    return float(examined["true_residuals"][0] / examined["squared_norms"][0])


def mistakes(margins: np.ndarray, what: str, family: Family = LOGISTIC) -> str:
    """Where the network errs on images that it was trained on, or on most of a pool, what may be wrong; or nothing."""
    wrong, otherwise = int((margins <= 0).sum()), int((margins >= 0).sum())
    swapped = f" (on {otherwise} with the two labels swapped)" if wrong > otherwise and family.outputs == 1 else ""
    return f"the network errs on {wrong} of {len(margins)} {what}{swapped}" if wrong else ""
