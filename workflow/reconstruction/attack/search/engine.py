"""The search of one shard: restarts, batched, each minimising the KKT loss of Haim et al. 2022, equation 5.

    loss = sum_k w_k L_k + box * sum relu(|x| - 1)^2 + 5 * sum_i relu(lambda_min - lambda_i)^2

Restarts share no number, so one that diverges harms no other. Two methods:

published   x in full pixels, SGD with momentum 0.9, box = 1, constant learning rates
subspace    x in the row space of W_1, Adam, by default with cosine decay and box = 0; along each singular vector,
            initial values and steps in proportion to a power of W_1's singular value
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...machine.cuda_graph import replayed
from ...models.mlp import Network
from .optimisers import Adam, Momentum, constant, cosine
from .stationarity import Stationarity, stationarity

PIXEL_BOX_WEIGHT = 1.0
DUAL_WEIGHT = 5.0

Report = Callable[[int, Tensor], None]  # of an iteration and the residuals (K, L) that it found


@dataclass(frozen=True)
class Snapshot:
    """K restarts between two iterations, on the CPU: all that a search needs to go on."""

    iteration: int  # that comes next
    tensors: list[Tensor]  # Search.tensors
    trace_iterations: list[int]
    trace: list[Tensor]  # (K, L) each


Pause = Callable[[int, Callable[[], Snapshot]], None]  # of the iteration that comes next, and how to take a snapshot


def no_pause(iteration: int, snapshot: Callable[[], Snapshot]) -> None:
    """Go on."""


@dataclass(frozen=True)
class Restarts:
    """Where K restarts begin. Each hyperparameter has shape (K,)."""

    candidates: Tensor  # (K, m, r), coordinates in the search space
    lambdas: Tensor  # (K, m)
    learning_rate: Tensor  # or (K, r), one for each direction of the search space
    lambda_learning_rate: Tensor
    lambda_min: Tensor
    alpha: Tensor

    def __len__(self) -> int:
        return len(self.candidates)

    def to(self, device: torch.device, dtype: torch.dtype) -> Restarts:
        return Restarts(**{name: value.to(device, dtype) for name, value in vars(self).items()})

    def only(self, numbers: slice | Sequence[int]) -> Restarts:
        return Restarts(**{name: value[numbers] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Outcome:
    """Where K restarts ended. A diverged restart's numbers mean nothing."""

    candidates: Tensor  # (K, m, r)
    lambdas: Tensor  # (K, m)
    iterations: Tensor  # (T,), when the trace was taken
    residuals: Tensor  # (K, T, L), each layer's squared residual

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def diverged(self) -> Tensor:
        """(K,) bool: which restarts have left the finite numbers."""
        finite = self.candidates.isfinite().all(-1).all(-1) & self.lambdas.isfinite().all(-1)
        return ~(finite & self.residuals[:, -1].isfinite().all(-1))

    @staticmethod
    def concatenate(outcomes: Sequence[Outcome]) -> Outcome:
        """The outcomes of restarts that were searched for one after the other."""
        return Outcome(
            torch.cat([outcome.candidates for outcome in outcomes]),
            torch.cat([outcome.lambdas for outcome in outcomes]),
            outcomes[0].iterations,
            torch.cat([outcome.residuals for outcome in outcomes]),
        )


@dataclass(frozen=True)
class Method:
    optimiser: type[Momentum] | type[Adam]
    decay: Callable[[int, int], float]
    box_weight: float
    box: float = 1.0  # largest |x| of a network input
    layer_weights: tuple[float, ...] | None = None  # of the layers' residuals in the loss; None: 1 each
    basis: Tensor | None = None  # (r, D), orthonormal rows, where candidates are coordinates in it; None: pixels


METHODS = {
    "published": Method(Momentum, constant, PIXEL_BOX_WEIGHT),
    "subspace": Method(Adam, cosine, box_weight=0.0),
}


def candidate_labels(count: int) -> Tensor:
    """Labels (m,) of m candidates: the first half -1, the rest +1."""
    return torch.where(torch.arange(count) < count // 2, -1.0, 1.0)


class Search:
    """K restarts under way. Every number of an iteration lives on the device, so that a CUDA graph can replay it."""

    def __init__(self, network: Network, method: Method, restarts: Restarts) -> None:
        """network: takes candidates as inputs, in the dtype of products; restarts: in the dtype of parameters."""
        self.network, self.method = network, method
        self.candidates, self.lambdas = restarts.candidates.clone(), restarts.lambdas.clone()
        self.basis = None if method.basis is None else method.basis.to(self.candidates)
        self.labels = candidate_labels(self.candidates.shape[1]).to(self.candidates)
        self.alpha, self.lambda_min = restarts.alpha, restarts.lambda_min.unsqueeze(-1)
        self.candidate_optimiser = method.optimiser(self.candidates, restarts.learning_rate.view(len(restarts), 1, -1))
        self.lambda_optimiser = method.optimiser(self.lambdas, restarts.lambda_learning_rate.unsqueeze(-1))
        self.tensors = [  # everything that a step changes
            self.candidates, self.lambdas, *self.candidate_optimiser.state, *self.lambda_optimiser.state
        ]  # fmt: skip
        self.decay = torch.ones((), dtype=self.candidates.dtype, device=self.candidates.device)

    def stationarity(self) -> Stationarity:
        weights = self.method.layer_weights
        return stationarity(self.network, self.candidates, self.lambdas, self.labels, self.alpha, weights)

    def residuals(self) -> Tensor:
        """Each layer's squared residual (K, L), where the restarts are now."""
        return self.stationarity().residuals

    def outside_box(self) -> Tensor:
        """How far pixels lie outside of the box, in the coordinates of the candidates."""
        pixels = self.candidates if self.basis is None else self.candidates @ self.basis
        outside = pixels - pixels.clamp(-self.method.box, self.method.box)
        return outside if self.basis is None else outside @ self.basis.T

    def step(self) -> Tensor:
        """One iteration at the learning rates' present decay; the residuals (K, L) that it began with."""
        term = self.stationarity()
        candidates_gradient = term.candidates_gradient.to(self.candidates.dtype)
        if self.method.box_weight:
            candidates_gradient = candidates_gradient + 2 * self.method.box_weight * self.outside_box()
        shortfall = (self.lambda_min - self.lambdas).relu_()
        lambdas_gradient = term.lambdas_gradient - 2 * DUAL_WEIGHT * shortfall
        self.candidate_optimiser.step(self.candidates, candidates_gradient, self.decay)
        self.lambda_optimiser.step(self.lambdas, lambdas_gradient, self.decay)
        return term.residuals


def search(
    network: Network,
    method: Method,
    restarts: Restarts,
    iterations: int,
    record_every: int,
    progress: Report,
    begun: Snapshot | None = None,
    pause: Pause = no_pause,
) -> Outcome:
    """Run the restarts as one batch; the network's inputs are the coordinates that candidates have.

    progress(iteration, residuals (K, L)) is called whenever the trace is taken; pause before every iteration.
    begun: where an earlier run of the same search was; the outcome is the same to the bit.
    """
    state = Search(network, method, restarts)
    trace, trace_iterations, first = [], [], 0
    if begun:
        trace, trace_iterations, first = list(begun.trace), list(begun.trace_iterations), begun.iteration
        for tensor, value in zip(state.tensors, begun.tensors, strict=True):
            tensor.copy_(value)
    step = replayed(state.step, state.tensors) if restarts.candidates.is_cuda else state.step

    def snapshot() -> Snapshot:
        copies = [tensor.to("cpu", copy=True) for tensor in state.tensors]
        return Snapshot(iteration, copies, list(trace_iterations), list(trace))

    for iteration in range(first, iterations + 1):
        pause(iteration, snapshot)
        last = iteration == iterations
        state.decay.fill_(method.decay(iteration, iterations))
        if last:
            step = state.residuals  # and a CUDA graph's memory is free for it
        residuals = step()
        if last or iteration % record_every == 0:
            trace.append(residuals.cpu())
            trace_iterations.append(iteration)
            progress(iteration, trace[-1])
    return Outcome(state.candidates.cpu(), state.lambdas.cpu(), torch.tensor(trace_iterations), torch.stack(trace, 1))
