"""What the true training data look like to the attack: their margins, and how well they satisfy the KKT conditions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.optimize import nnls
from torch import Tensor

from .network import Network, activations, sensitivities

MARGIN_TOLERANCE = 0.1  # an image within 10 % of the smallest margin lies on the margin


@dataclass(frozen=True)
class TrueStationarity:
    """lambdas: (n,), the best for the true data; residuals and squared_norms: (L,), the bias with layer 1."""

    lambdas: np.ndarray
    residuals: np.ndarray
    squared_norms: np.ndarray


def on_margin(margins: np.ndarray) -> np.ndarray:
    """Which of the margins (n,) lie within MARGIN_TOLERANCE of the smallest; none where that is not positive."""
    smallest = margins.min()
    return (margins <= (1 + MARGIN_TOLERANCE) * smallest) & (smallest > 0)


def true_stationarity(network: Network, inputs: Tensor, labels: Tensor) -> TrueStationarity:
    """min over lambda >= 0 of sum_k || W_k - sum_i lambda_i y_i grad_{W_k} Phi(x_i) ||^2, in float64.

    inputs: (n, D); labels: (n,). The problem is a non-negative least squares in the n x n Gram matrix of
    the images' gradients, since grad_{W_k} Phi(x_i) = delta_k,i^T a_{k-1,i} never needs to be formed.
    """
    network, inputs, labels = network.to(dtype=torch.float64), inputs.double(), labels.double()
    layers = activations(network, inputs)
    deltas = sensitivities(network, layers)
    signs = labels[:, None] * labels[None, :]
    grams, projections = [], []
    for k, weight in enumerate(network.weights):
        inner = layers[k] @ layers[k].T + (
            1 if k == 0 and network.bias is not None else 0
        )  # the bias is one more input, always 1
        grams.append(((deltas[k] @ deltas[k].T) * inner * signs).numpy())
        projection = (deltas[k] @ weight * layers[k]).sum(1)
        if k == 0 and network.bias is not None:
            projection = projection + deltas[0] @ network.bias
        projections.append((projection * labels).numpy())
    lambdas = gram_nnls(np.sum(grams, axis=0), np.sum(projections, axis=0))
    norms = network.squared_norms.numpy()
    residuals = [
        norm - 2 * lambdas @ projection + lambdas @ gram @ lambdas
        for gram, projection, norm in zip(grams, projections, norms, strict=True)
    ]
    return TrueStationarity(lambdas, np.array(residuals), norms)


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
