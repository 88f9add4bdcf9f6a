"""The search of one batch: restarts, each minimising the KKT loss of Haim et al. 2022, equation 5.

    loss = sum_k w_k L_k + box * sum relu(|x| - b)^2 + 5 * sum_i relu(lambda_min - lambda_i)^2 + prior (priors.py)

Restarts share no number, so one that diverges harms no other. Two methods:

published   x in full pixels, SGD with momentum 0.9, constant learning rates
subspace    x in the row space of W_1, Adam, cosine decay; along each singular vector, initial values and steps in
            proportion to a power of W_1's singular value
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...machine.compiled import compiled
from ...machine.cuda_graph import replayed
from ...models.mlp import Network
from ...models.space import INPUTS, Space
from .optimisers import Adam, Momentum
from .penalties import box_gradient, dual_gradient
from .priors import Penalty
from .restarts import Outcome, Snapshot, Starts
from .stationarity import Stationarity, stationarity

fast_stationarity = compiled(stationarity)  # once in a process


@dataclass(frozen=True)
class Method:
    """What the restarts of a search have in common."""

    optimiser: type[Momentum] | type[Adam]
    decay: Callable[[int, int], float]  # of the learning rates, by iteration and iterations
    iterations: int
    record_every: int  # iterations between two rows of the trace
    box_weight: float
    box: float = 1.0  # largest |x| of a network input
    layer_weights: tuple[float, ...] | None = None  # of the layers' residuals in the loss; None: 1 each
    space: Space = INPUTS
    prior: Penalty | None = None

    @property
    def pixels(self) -> int:
        """How many of each candidate an iteration computes, where candidates are coordinates."""
        needed = self.box_weight or (self.prior and self.prior.needs_pixels)
        return self.space.basis.shape[1] if needed and self.space.basis is not None else 0


class Search:
    """K restarts under way: `step` until `is_done`, then `outcome`; `snapshot` in between.

    Every number of an iteration lives on the device, so that a CUDA graph can replay it.
    """

    def __init__(
        self, network: Network, method: Method, starts: Starts, begun: Snapshot | None = None, compiles: bool = False
    ) -> None:
        """network: takes candidates as inputs, in the dtype of products; starts: in the dtype of parameters.

        begun: where an earlier run of the same search was; the outcome is the same to the bit. compiles: whether the
        stationarity term is compiled first.
        """
        self.network, self.method = network, method
        self.term = fast_stationarity if compiles else stationarity
        self.candidates, self.lambdas = starts.candidates.clone(), starts.lambdas.clone()
        self.space = method.space.to(self.candidates)
        self.labels = network.family.candidate_labels(self.candidates.shape[1]).to(self.candidates)
        self.alpha, self.lambda_min = starts.alpha, starts.lambda_min.unsqueeze(-1)
        self.candidate_optimiser = method.optimiser(self.candidates, starts.learning_rate.view(len(starts), 1, -1))
        self.lambda_optimiser = method.optimiser(self.lambdas, starts.lambda_learning_rate.unsqueeze(-1))
        self.tensors = {  # everything that an iteration changes
            "candidates": self.candidates,
            "lambdas": self.lambdas,
            **{f"candidates' {name}": tensor for name, tensor in self.candidate_optimiser.state.items()},
            **{f"lambdas' {name}": tensor for name, tensor in self.lambda_optimiser.state.items()},
        }
        self.decay = torch.ones((), dtype=self.candidates.dtype, device=self.candidates.device)
        self.iteration = 0  # that comes next
        self.trace: list[Tensor] = []  # residuals (K, L) each
        self.trace_iterations: list[int] = []
        if begun:
            self.iteration = begun.iteration
            self.trace, self.trace_iterations = list(begun.trace), list(begun.trace_iterations)
            for name, tensor in self.tensors.items():
                tensor.copy_(begun.tensors[name])
        self.prior_counts, self.prior_gradient = range(0), None  # range: of iterations
        if method.prior:
            self.prior_counts = method.prior.iterations(method.iterations)
            self.prior_gradient = method.prior.gradient(self.space, self.candidates, network.weights[0].dtype)
        self._iterate: Callable[[], Tensor] | None = None

    def _ready(self) -> Callable[[], Tensor]:
        """`iterate` as it is from this iteration on."""
        return replayed(self.iterate, list(self.tensors.values())) if self.candidates.is_cuda else self.iterate

    @property
    def is_done(self) -> bool:
        return self.iteration > self.method.iterations

    def step(self) -> Tensor | None:
        """One iteration, the last of which only measures; the residuals (K, L) that it began with where the trace is
        taken."""
        last = self.iteration == self.method.iterations
        self.decay.fill_(self.method.decay(self.iteration, self.method.iterations))
        if last:
            self._iterate = self.residuals  # and a CUDA graph's memory is free for it
        elif self._iterate is None or self.iteration in (self.prior_counts.start, self.prior_counts.stop):
            self._iterate = None  # likewise
            self._iterate = self._ready()
        residuals = self._iterate()
        self.iteration += 1
        if not last and (self.iteration - 1) % self.method.record_every:
            return None
        self.trace.append(residuals.cpu())
        self.trace_iterations.append(self.iteration - 1)
        return self.trace[-1]

    def snapshot(self) -> Snapshot:
        copies = {name: tensor.to("cpu", copy=True) for name, tensor in self.tensors.items()}
        return Snapshot(self.iteration, copies, list(self.trace_iterations), list(self.trace))

    def outcome(self) -> Outcome:
        return Outcome(
            self.candidates.cpu(), self.lambdas.cpu(), torch.tensor(self.trace_iterations), torch.stack(self.trace, 1)
        )

    def stationarity(self) -> Stationarity:
        weights = self.method.layer_weights
        return self.term(self.network, self.candidates, self.lambdas, self.labels, self.alpha, weights)

    def residuals(self) -> Tensor:
        """Each layer's squared residual (K, L), where the restarts are now."""
        return self.stationarity().residuals

    def iterate(self) -> Tensor:
        """Move candidates and lambdas at the learning rates' present decay; the residuals (K, L) before."""
        term = self.stationarity()
        candidates_gradient = term.candidates_gradient.to(self.candidates.dtype)
        lambdas_gradient = term.lambdas_gradient.to(self.lambdas.dtype)
        if self.method.box_weight:
            box, weight = self.method.box, self.method.box_weight
            candidates_gradient = candidates_gradient + box_gradient(self.candidates, self.space, box, weight)
        if self.prior_gradient and self.iteration in self.prior_counts:
            candidates_gradient = candidates_gradient + self.prior_gradient(self.candidates)
        if self.network.family.lambda_has_a_sign:
            lambdas_gradient = lambdas_gradient + dual_gradient(self.lambdas, self.lambda_min)
        self.candidate_optimiser.step(self.candidates, candidates_gradient, self.decay)
        self.lambda_optimiser.step(self.lambdas, lambdas_gradient, self.decay)
        return term.residuals
