"""What the true training data look like to the attack: their margins, and how well they satisfy the KKT conditions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.optimize import nnls
from torch import Tensor

from ..models.family import Family
from ..models.mlp import Network, activations, gradient_grams, outputs, sensitivities

RIDGE = 1e-6  # of the mean squared norm of an image's gradient; up to 1e-3 members are told alike, beyond it worse
MARGIN_TOLERANCE = 0.1  # an image within 10 % of the smallest margin lies on the margin


@dataclass(frozen=True)
class TrueStationarity:
    """How well sum_i lambda_i grad q_i of the log-odds, lambda >= 0, makes up the weights; biases are their layers'.
    Of a regression q is the residual, and lambda has either sign.

    lambdas: (n,); residuals: (L,), what they leave of the layers' squared_norms (L,).
    """

    lambdas: np.ndarray
    residuals: np.ndarray
    squared_norms: np.ndarray


def on_margin(margins: np.ndarray) -> np.ndarray:
    """Which of the margins (n,) lie within MARGIN_TOLERANCE of the smallest; none where that is not positive."""
    smallest = margins.min()
    return (margins <= (1 + MARGIN_TOLERANCE) * smallest) & (smallest > 0)


def true_stationarity(network: Network, inputs: Tensor, labels: Tensor) -> TrueStationarity:
    """min over lambda >= 0 of sum_k || W_k - sum_i lambda_i grad_{W_k} q_i ||^2, in float64.

    inputs: (n, D); labels: (n,). The problem is a non-negative least squares in the n x n Gram matrix of
    the images' gradients; of a regression, whose lambda has no sign, a least squares with a ridge.
    """
    products = _gradient_products(network, inputs, labels)
    return products.with_lambdas(products.solve(np.ones(len(network.weights))))


def even_lambdas(network: Network, inputs: Tensor, labels: Tensor) -> np.ndarray:
    """The lambdas (n,) of the same problem with each layer's part of the sum over the mean square of its parameters.

    Most of a network that is not at rest are its initial values, noise of another size in each layer, and so each
    equation counts by its own. A layer of zeros tells nothing.
    """
    products = _gradient_products(network, inputs, labels)
    of_layers = zip(network.weights, network.biases, strict=True)
    counts = np.array([weight.numel() + (0 if bias is None else len(bias)) for weight, bias in of_layers])
    norms = products.squared_norms
    return products.solve(np.divide(counts, norms, out=np.zeros(len(norms)), where=norms > 0))


def derivative_stationarity(network: Network, inputs: Tensor, labels: Tensor, weight_decay: float) -> TrueStationarity:
    """The same with lambda_i, sigmoid(-q_i) / (n weight_decay) of classifiers, from the loss's own derivative.

    At a stationary point of the mean loss plus weight_decay / 2 |theta|^2 these make up the weights exactly
    (Buzaglo et al. 2023), but for units that an image leaves at the ReLU's kink, where no derivative is right.
    """
    products = _gradient_products(network, inputs, labels)
    network, labels = network.to(dtype=torch.float64), labels.double()
    log_odds = network.family.log_odds(outputs(network, activations(network, inputs.double())), labels)
    lambdas = (network.family.slope(log_odds) / (len(log_odds) * weight_decay)).numpy()
    return products.with_lambdas(lambdas)


@dataclass(frozen=True)
class _GradientProducts:
    """Inner products of the images' gradients grad_{W_k} q_i, with each other and with W_k, for each layer k."""

    grams: list[np.ndarray]  # (n, n)
    projections: list[np.ndarray]  # (n,)
    squared_norms: np.ndarray  # (L,), of the layers
    family: Family

    def solve(self, weights: np.ndarray) -> np.ndarray:
        """The lambdas (n,) that leave the least of the layers, each counting by its weight (L,)."""
        solve = gram_nnls if self.family.lambda_has_a_sign else gram_ridge
        return solve(np.tensordot(weights, self.grams, 1), np.tensordot(weights, self.projections, 1))

    def with_lambdas(self, lambdas: np.ndarray) -> TrueStationarity:
        residuals = [
            norm - 2 * lambdas @ projection + lambdas @ gram @ lambdas
            for gram, projection, norm in zip(self.grams, self.projections, self.squared_norms, strict=True)
        ]
        return TrueStationarity(lambdas, np.array(residuals), self.squared_norms)


def _gradient_products(network: Network, inputs: Tensor, labels: Tensor) -> _GradientProducts:
    """In float64. grad_{W_k} q_i = delta_k,i^T a_{k-1,i} never needs to be formed."""
    network, inputs, labels = network.to(dtype=torch.float64), inputs.double(), labels.double()
    layers = activations(network, inputs)
    deltas = sensitivities(network, layers, labels)
    grams = [gram.numpy() for gram in gradient_grams(network, layers, deltas)]
    projections = []
    for delta, weight, bias, layer in zip(deltas, network.weights, network.biases, layers, strict=True):
        projection = (delta @ weight * layer).sum(1)
        if bias is not None:
            projection = projection + delta @ bias
        projections.append(projection.numpy())
    return _GradientProducts(grams, projections, network.squared_norms.numpy(), network.family)


def gram_nnls(gram: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """argmin over x >= 0 of x^T gram x - 2 x^T projection, for a positive semi-definite gram (n, n).

    An unknown whose row of gram is zero makes no difference and is left at 0.
    """
    matters = gram.diagonal() > gram.diagonal().max(initial=0) * len(gram) * np.finfo(float).eps
    solution = np.zeros(len(gram))
    if not matters.any():
        return solution
    gram, projection = gram[np.ix_(matters, matters)], projection[matters]
    values, vectors = eigh(gram)
    keep = values > values[-1] * len(values) * np.finfo(float).eps
    root = np.sqrt(values[keep])
    solution[matters], _ = nnls(root[:, None] * vectors[:, keep].T, (vectors[:, keep].T @ projection) / root)
    return solution


def gram_ridge(gram: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """argmin of x^T gram x - 2 x^T projection + ridge |x|^2, the ridge a share RIDGE of gram's mean diagonal."""
    ridge = RIDGE * max(gram.diagonal().mean(), np.finfo(float).tiny)
    return np.linalg.solve(gram + ridge * np.eye(len(gram)), projection)
