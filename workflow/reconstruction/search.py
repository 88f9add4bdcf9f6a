"""The search of one shard: K restarts, batched, each minimising the KKT loss of Haim et al. 2022, equation 5.

    loss = stationarity + box * sum relu(|x| - 1)^2 + 5 * sum_i relu(lambda_min - lambda_i)^2

Restarts share no number, so one that diverges harms no other. Two methods:

published   x in full pixels, SGD with momentum 0.9, the pixel box, constant learning rates
subspace    x in the row space of W_1, Adam with cosine decay, no pixel box
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .network import Network
from .stationarity import stationarity

DUAL_WEIGHT = 5.0
MOMENTUM = 0.9
ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8


@dataclass(frozen=True)
class Restarts:
    """Where K restarts begin. Each hyperparameter has shape (K,)."""

    candidates: Tensor  # (K, m, r), coordinates in the search space
    lambdas: Tensor  # (K, m)
    learning_rate: Tensor
    lambda_learning_rate: Tensor
    lambda_min: Tensor
    alpha: Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Restarts:
        return Restarts(**{name: value.to(device, dtype) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Outcome:
    """Where K restarts ended. A diverged restart's numbers mean nothing."""

    candidates: Tensor  # (K, m, r)
    lambdas: Tensor  # (K, m)
    diverged: Tensor  # (K,) bool
    iterations: Tensor  # (T,), when the trace was taken
    residuals: Tensor  # (K, T, L), each layer's squared residual


class Momentum:
    """SGD with momentum, a learning rate for each restart."""

    def __init__(self, parameter: Tensor, rate: Tensor) -> None:
        self.rate = rate.view(-1, *[1] * (parameter.dim() - 1))
        self.velocity = torch.zeros_like(parameter)

    def step(self, parameter: Tensor, gradient: Tensor, decay: float) -> None:
        self.velocity.mul_(MOMENTUM).add_(gradient)
        parameter.sub_(self.velocity * (self.rate * decay))


class Adam:
    """Adam (Kingma and Ba 2015), a learning rate for each restart."""

    def __init__(self, parameter: Tensor, rate: Tensor) -> None:
        self.rate = rate.view(-1, *[1] * (parameter.dim() - 1))
        self.mean = torch.zeros_like(parameter)
        self.square = torch.zeros_like(parameter)
        self.steps = 0

    def step(self, parameter: Tensor, gradient: Tensor, decay: float) -> None:
        self.steps += 1
        first, second = ADAM_BETAS
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = (self.square / (1 - second**self.steps)).sqrt_().add_(ADAM_EPSILON)
        parameter.sub_((self.mean / root).mul_(self.rate * (decay / (1 - first**self.steps))))


def constant(iteration: int, iterations: int) -> float:
    return 1.0


def cosine(iteration: int, iterations: int) -> float:
    """The learning rate's factor falls from 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * iteration / iterations))


@dataclass(frozen=True)
class Method:
    in_subspace: bool
    box_weight: float
    optimiser: type[Momentum] | type[Adam]
    decay: Callable[[int, int], float]


METHODS = {
    "published": Method(in_subspace=False, box_weight=1.0, optimiser=Momentum, decay=constant),
    "subspace": Method(in_subspace=True, box_weight=0.0, optimiser=Adam, decay=cosine),
}


def candidate_labels(count: int) -> Tensor:
    """Labels (m,) of m candidates: the first half -1, the rest +1."""
    return torch.where(torch.arange(count) < count // 2, -1.0, 1.0)


def search(
    network: Network,
    method: Method,
    restarts: Restarts,
    iterations: int,
    record_every: int,
    progress: Callable[[int, Tensor], None],
) -> Outcome:
    """Run the restarts; the network's inputs are the coordinates that candidates have.

    progress(iteration, residuals (K, L)) is called whenever the trace is taken.
    """
    candidates, lambdas = restarts.candidates.clone(), restarts.lambdas.clone()
    labels = candidate_labels(candidates.shape[1]).to(candidates)
    lambda_min = restarts.lambda_min.unsqueeze(-1)
    candidate_optimiser = method.optimiser(candidates, restarts.learning_rate)
    lambda_optimiser = method.optimiser(lambdas, restarts.lambda_learning_rate)
    trace, trace_iterations = [], []

    for iteration in range(iterations + 1):
        term = stationarity(network, candidates, lambdas, labels, restarts.alpha)
        if iteration % record_every == 0 or iteration == iterations:
            trace.append(term.residuals.cpu())
            trace_iterations.append(iteration)
            progress(iteration, trace[-1])
        if iteration == iterations:
            break
        candidates_gradient = term.candidates_gradient
        if method.box_weight:
            outside = candidates - candidates.clamp(-1, 1)
            candidates_gradient = candidates_gradient + 2 * method.box_weight * outside
        shortfall = (lambda_min - lambdas).relu_()
        lambdas_gradient = term.lambdas_gradient - 2 * DUAL_WEIGHT * shortfall
        decay = method.decay(iteration, iterations)
        candidate_optimiser.step(candidates, candidates_gradient, decay)
        lambda_optimiser.step(lambdas, lambdas_gradient, decay)

    finite = candidates.isfinite().all(-1).all(-1) & lambdas.isfinite().all(-1)
    finite &= term.residuals.isfinite().all(-1)
    return Outcome(candidates, lambdas, ~finite, torch.tensor(trace_iterations), torch.stack(trace, 1))
