"""The trained model as it is deployed, and all that the attack is given: weights, input shape, preprocessing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from ..files import store
from .activations import ACTIVATIONS, Activation, LeakyReLU, activation_of
from .family import Family
from .mlp import Network, phi
from .regression import Regression

UNIT = np.ones((1, 1, 1), np.float32)
PIXELS = 0.23  # standard deviation of mean-subtracted pixels in [0, 1]


@dataclass(frozen=True)
class Deployed:
    """network: float32 on the CPU; its inputs are (image - mean) / std, with mean (C, H, W) and std (C or 1, 1, 1).

    A network of vectors has mean (D,) and std (D or 1,). Images are compared by NCC of mean-subtracted pixels, vectors
    by the cosine of standardised coordinates, which is the NCC of these followed by their negatives.

    std stays outside of the first layer's weights. Folded into them, it would leave the outputs as they are but not
    the gradients by the weights, and so not the stationarity that training led to.
    """

    network: Network
    mean: np.ndarray
    stored: store.Stored
    std: np.ndarray = field(default_factory=lambda: UNIT)

    @cached_property
    def directions(self) -> np.ndarray:
        """W_1's right singular vectors (D, D), float32; beyond its rank any that complete them."""
        return torch.linalg.svd(self.network.weights[0].double(), full_matrices=True).Vh.float().numpy()

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.mean.shape

    @property
    def family(self) -> Family:
        return self.network.family

    @property
    def of_vectors(self) -> bool:
        return self.mean.ndim == 1

    @property
    def box(self) -> float:
        return largest_input(self.std)

    @property
    def stds(self) -> Tensor:
        """What each pixel is divided by (C, H, W); of vectors (D,) what makes standardised coordinates pixels."""
        if self.of_vectors:
            return torch.full(self.mean.shape, PIXELS)
        return torch.from_numpy(np.broadcast_to(self.std, self.mean.shape).copy())

    @property
    def usual_norm(self) -> float:
        """Of an image or vector as network input (D,), where mean is that of the data."""
        return (PIXELS / self.stds).norm().item()

    def outputs(self, images: np.ndarray) -> Tensor:
        """Phi (n, C) of images (n, C, H, W) in [0, 1], or vectors (n, D), float64."""
        return phi(self.network.to(dtype=torch.float64), self.inputs(images).double())

    def inputs(self, images: np.ndarray) -> Tensor:
        """Images (n, C, H, W) in [0, 1] as network inputs (n, D)."""
        return normalise(images, self.mean, self.std)

    def centred(self, images: np.ndarray) -> Tensor:
        """Images (n, C, H, W) as mean-subtracted pixels (n, D), or vectors (n, D) as (n, 2 D), which candidates are
        compared with."""
        return self.pixels(self.inputs(images)) if self.of_vectors else normalise(images, self.mean)

    def pixels(self, inputs: Tensor) -> Tensor:
        """Network inputs (n, D) as they are compared: as mean-subtracted pixels (n, D), or vectors as (n, 2 D)."""
        if self.of_vectors:
            return torch.cat([inputs, -inputs], 1)
        if (self.std == 1).all():
            return inputs
        return inputs * self.stds.reshape(-1)


def largest_input(std: np.ndarray | Tensor) -> float:
    """No |x| of an image whose pixels are divided by std (C, H, W) is larger; those of vectors, (D,), have no bound."""
    return math.inf if std.ndim == 1 else 1 / float(std.min())


def normalise(images: np.ndarray, mean: np.ndarray, std: np.ndarray = UNIT) -> Tensor:
    """(image - mean) / std of images (n, C, H, W), flattened to (n, D)."""
    return torch.from_numpy(((images - mean) / std).reshape(len(images), -1))


def arrays(network: Network, mean: np.ndarray, std: np.ndarray = UNIT) -> dict[str, np.ndarray]:
    """What model.h5 holds: weights/1 .. weights/L, the biases that there are, mean and std, as float32, and
    the activation by its name, with the slope of a LeakyReLU; of a regression its loss's delta as well.

    The first layer's is called bias. Those of further layers, weights/bias2 .. weights/biasL, are named among the
    weights, so that a program that knows no such biases refuses the file.
    """
    weights = {f"weights/{layer}": weight.float().numpy() for layer, weight in enumerate(network.weights, start=1)}
    biases = {
        _bias_name(layer): bias.float().numpy()
        for layer, bias in enumerate(network.biases, start=1)
        if bias is not None
    }
    regression = {} if network.regression is None else {"regression": np.asarray(network.regression.delta)}
    activation = {"activation": np.asarray(network.activation.name)}
    if isinstance(network.activation, LeakyReLU):
        activation["negative_slope"] = np.asarray(network.activation.slope)
    return {**weights, **biases, **regression, "mean": mean, "std": std, **activation}


def _bias_name(layer: int) -> str:
    return "bias" if layer == 1 else f"weights/bias{layer}"


def read(path: Path) -> Deployed:
    """Read model.h5; raises UserError where its arrays do not make a network or a weight is not finite."""
    stored = store.read(path, "model")
    layers = range(1, len([name for name in stored.arrays if re.fullmatch(r"weights/\d+", name)]) + 1)
    weights = [stored.arrays.get(f"weights/{layer}", np.empty(0)) for layer in layers]
    biases = [stored.arrays.get(_bias_name(layer)) for layer in layers]
    mean, std = stored.arrays.get("mean", np.empty(0)), stored.arrays.get("std", UNIT)
    delta = float(stored["regression"]) if "regression" in stored.arrays else None
    names = {name for k in layers for name in (f"weights/{k}", _bias_name(k))}
    known = {"mean", "std", "activation", "negative_slope", "regression", *names}
    makes = _make_a_network(weights, biases, mean, std) and (delta is None or (delta > 0 and len(weights[-1]) == 1))
    if not (stored.arrays.keys() <= known and makes):
        raise UserError(f"{path}: its weights, biases, mean and std do not fit together", "make the model again")
    found = [None if bias is None else torch.from_numpy(bias) for bias in biases]
    regression = None if delta is None else Regression(delta)
    network = Network.of([torch.from_numpy(weight) for weight in weights], found, _activation(stored), regression)
    if not all(parameter.isfinite().all() for parameter in network.parameters):
        raise UserError(f"{path}: has a weight that is no finite number", "train the model again")
    return Deployed(network, mean, stored, std)


def _activation(stored: store.Stored) -> Activation:
    name = str(stored["activation"])
    slope = float(stored["negative_slope"]) if "negative_slope" in stored.arrays else None
    if name not in ACTIVATIONS or not (slope is None or (name == LeakyReLU.name and 0 < slope < 1)):
        raise UserError(
            f"{stored.path}: its activation is none of {', '.join(ACTIVATIONS)}, or has a slope that it cannot have",
            "make the model again",
        )
    return activation_of(name, slope)


def _make_a_network(
    weights: list[np.ndarray], biases: list[np.ndarray | None], mean: np.ndarray, std: np.ndarray
) -> bool:
    """Whether the shapes lead from the mean image (C, H, W), or vector (D,), to the outputs, and mean and std can
    normalise."""
    if any(array.dtype != np.float32 for array in (*weights, mean, std)):
        return False
    if len(weights) < 2 or any(weight.ndim != 2 or not weight.size for weight in weights) or mean.ndim not in (1, 3):
        return False
    sizes = [mean.size, *(len(weight) for weight in weights)]
    chain = all(weight.shape[1] == size for weight, size in zip(weights, sizes, strict=False))
    fits = all(
        bias is None or (bias.shape == (size,) and bias.dtype == np.float32)
        for bias, size in zip(biases, sizes[1:], strict=True)
    )
    others = (1,) * (mean.ndim - 1)
    normalises = std.shape in ((1, *others), (len(mean), *others)) and bool(
        (std > 0).all() and np.isfinite(std).all() and np.isfinite(mean).all()
    )
    return chain and fits and normalises
