"""Signals that need no training images, of the representatives of a finished experiment; evidence.py judges them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from reconstruction.attack.search.stationarity import stationarity
from reconstruction.configuration import Merge
from reconstruction.evaluation.chance import scramble
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.pixels import Pixels
from reconstruction.files import store
from reconstruction.merging.clusters import Clusters, merge
from reconstruction.merging.ranking import Signals, measure
from reconstruction.merging.similarity import whiten
from reconstruction.models import deployed
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import Network
from reconstruction.models.space import Space
from reconstruction.training.true_stationarity import true_stationarity
from scipy.optimize import nnls

FAITHFUL = 0.75  # share of restarts in which a representative comes back that is faithful
EXPLAINED = 300  # representatives, those that agree most, whose lambdas are solved for


@dataclass(frozen=True)
class Experiment:
    model: Deployed
    network: Network  # on coordinates
    coordinates: np.ndarray  # (N, r)
    space: Space
    restart: np.ndarray
    labels: np.ndarray
    signals: Signals
    alpha: dict[int, float]  # of each restart
    images: torch.Tensor  # (n, D), mean-subtracted
    threshold: float
    hits: int
    clusters: Clusters

    @property
    def faithful(self) -> np.ndarray:
        """Which representatives (C,) come back in FAITHFUL of the restarts."""
        return self.clusters.support >= FAITHFUL * len(np.unique(self.restart))

    def nearest(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The NCC (C,) with the nearest training image, and which it is."""
        pixels = Pixels(coordinates.astype(np.float32), self.space, self.model)
        found = nearest_by_ncc(pixels[slice(None)], self.images)
        return found.score, found.index


def read(folder: Path) -> Experiment:
    model = deployed.read(folder.parent / "model.h5")
    found = store.read(folder / "candidates.h5", "candidates")
    row = json.loads(str(store.read(folder / "evaluation.h5", "evaluation")["row"]))
    images = model.centred(store.read(folder.parents[1] / "subset.h5", "subset")["training/images"])
    space = Space.of(found.arrays)
    network = space.restrict(model.network)
    coordinates, restart, labels = (found[f"candidates/{name}"] for name in ("coordinates", "restart", "label"))
    signals = measure(network, coordinates, labels, found["candidates/lambda"])
    alpha = dict(zip(found["restarts/restart"].tolist(), found["restarts/hyperparameters/alpha"], strict=True))
    clusters = merge(coordinates, restart, signals, Merge(**found.settings))
    scores = (row["ncc_threshold"], row["ncc_hits"])
    return Experiment(model, network, coordinates, space, restart, labels, signals, alpha, images, *scores, clusters)


def signals_of(it: Experiment) -> dict[str, np.ndarray]:
    """Signals (C,) of the representatives by name; what is larger is taken to be more likely real."""
    clusters, norms = it.clusters, np.linalg.norm(it.coordinates, axis=1)

    def median(values: np.ndarray) -> np.ndarray:
        return pd.Series(values).groupby(clusters.membership).median().to_numpy()

    margins = clusters.signals.margins
    sound = it.faithful & (margins > 0)
    target = np.median(margins[sound]) if sound.any() else 1.0
    whitened = whitening(it.coordinates)
    pictures = Pixels(clusters.representatives, it.space, it.model)[slice(None)].view(-1, *it.model.mean.shape)
    steps = (pictures.diff(dim=2).abs().sum((1, 2, 3)) + pictures.diff(dim=3).abs().sum((1, 2, 3))).numpy()
    return {
        "support, then spread": clusters.support + 1 - clusters.spread,
        "support at a calibrated similarity": calibrated_support(it),
        "agreement": clusters.agreement,
        "little spread": -clusters.spread,
        "lambda of the search": clusters.signals.lambdas,
        "lambda, least squares": least_squares_lambda(it, median(norms)),
        "leave-one-out increase": median(leave_one_out_of_all(it)),
        "near the margin": -np.abs(np.log(np.maximum(margins, 1e-6) / target)),
        "norm": median(norms),
        "smoothness": -steps / pictures.flatten(1).norm(dim=1).numpy(),
        "no fine directions": -median(np.linalg.norm(it.coordinates @ whitened, axis=1) / norms),
        "faithful, no combination of others": independence(it, whitened),
        "little response": -clusters.signals.responses,
        "positive margin": (margins > 0).astype(float),
        "agreement^3 / response": clusters.agreement**3 / np.maximum(clusters.signals.responses, 1e-12),
        "score": clusters.score,
    }


def whitening(coordinates: np.ndarray) -> np.ndarray:
    """A matrix (r, k) that makes the candidates' spread equal in all directions."""
    variances, directions = np.linalg.eigh(coordinates.T.astype(float) @ coordinates)
    keep = variances > variances[-1] * len(variances) * np.finfo(np.float32).eps
    return directions[:, keep] / np.sqrt(variances[keep])


def calibrated_support(it: Experiment) -> np.ndarray:
    """In how many other restarts a representative's members have a nearer neighbour than 99 % of scrambled ones do."""
    scrambled = scramble(it.coordinates.std(axis=0), len(it.coordinates), 0)
    fingerprints = whiten(np.concatenate([it.coordinates, scrambled]))
    found, null = np.split(fingerprints, 2)
    support, restarts = np.zeros(len(found)), np.unique(it.restart)
    for number in restarts:
        own, others = it.restart == number, it.restart != number
        limit = np.quantile((null[others] @ null[own].T).max(1), 0.99)
        support[others] += (found[others] @ found[own].T).max(1) > limit
    return pd.Series(support).groupby(it.clusters.membership).mean().to_numpy()


def least_squares_lambda(it: Experiment, norms: np.ndarray) -> np.ndarray:
    """The representatives' lambdas that make up the weights best, of the EXPLAINED that agree most, at median norm."""
    top = np.argsort(-it.clusters.agreement, kind="stable")[:EXPLAINED]
    images = it.clusters.representatives[top]
    images = images * (norms[top] / np.linalg.norm(images, axis=1))[:, None]
    labels = np.sign(pd.Series(it.labels).groupby(it.clusters.membership).mean().to_numpy()[top] + 0.5)
    lambdas = np.zeros(len(norms))
    lambdas[top] = true_stationarity(it.network, torch.from_numpy(images), torch.from_numpy(labels)).lambdas
    return lambdas


def leave_one_out_of_all(it: Experiment) -> np.ndarray:
    """leave_one_out (N,) of every candidate in its own restart."""
    increase = np.zeros(len(it.coordinates))
    network = it.network.to(dtype=torch.float64)
    for number in np.unique(it.restart):
        own = it.restart == number
        arrays = (it.coordinates[own], it.signals.lambdas[own], it.labels[own])
        candidates, lambdas, labels = (torch.from_numpy(array).double() for array in arrays)
        increase[own] = leave_one_out(network, candidates, lambdas, labels, it.alpha[int(number)]).numpy()
    return increase


def leave_one_out(
    network: Network, candidates: torch.Tensor, lambdas: torch.Tensor, labels: torch.Tensor, alpha: float
) -> torch.Tensor:
    """By how much a restart's first-layer residual grows (m,) without each of its candidates (m, r), all else fixed.

    The residual is quadratic in lambda_i, so its slope and the norm of the candidate's gradient tell.
    """
    first_only = (1.0, *(0.0 for _ in network.weights[1:]))
    sharpness = torch.tensor([alpha], dtype=candidates.dtype)
    slopes = stationarity(network, candidates[None], lambdas[None], labels, sharpness, first_only).lambdas_gradient[0]
    norms = first_layer_gradient_norms(network, candidates, alpha)
    return -lambdas * slopes + (lambdas / len(labels)).square() * norms


def first_layer_gradient_norms(network: Network, candidates: torch.Tensor, alpha: float) -> torch.Tensor:
    """|grad_{W_1} Phi(x_i)|^2 (m,), the bias included, with the sigmoid in the backward pass."""
    hidden, gates = candidates, []
    for layer, weight in enumerate(network.weights[:-1]):
        product = hidden @ weight.T + (network.bias if layer == 0 and network.bias is not None else 0)
        gates.append((alpha * product).sigmoid())
        hidden = product.relu()
    delta = candidates.new_ones(len(candidates), 1)
    for weight, gate in zip(reversed(network.weights[1:]), reversed(gates), strict=True):
        delta = (delta @ weight) * gate
    return delta.square().sum(1) * (candidates.square().sum(1) + (network.bias is not None))


def independence(it: Experiment, whitened: np.ndarray) -> np.ndarray:
    """What the best positive combination of the other faithful representatives leaves of one; of the rest nothing."""
    top = np.flatnonzero(it.faithful)
    unit = it.clusters.representatives[top] @ whitened
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    left = np.zeros(len(it.clusters.agreement))
    for rank, place in enumerate(top):
        others = np.delete(unit, rank, axis=0)
        left[place] = nnls(others.T, unit[rank])[1]
    return left
