"""The published procedure written plainly (Haim et al. 2022, equation 5), an oracle for tests and benchmarks.

float64, full pixels, one restart after the other, and every derivative by autograd: the stationarity term
differentiates the network once to explain its weights and once more to move the candidates.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...configuration import PublishedSearch
from ...models.activations import Activation, PiecewiseLinear
from ...models.mlp import Network
from .optimisers import MOMENTUM
from .penalties import DUAL_WEIGHT
from .restarts import Outcome, Starts


class ModifiedReLU(torch.autograd.Function):
    """Forward max(z, slope z); backward multiplies by slope + (1 - slope) sigmoid(alpha z), which is itself
    differentiated (appendix A, of slope 0)."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, z: Tensor, alpha: float, slope: float) -> Tensor:
        context.save_for_backward(z)
        context.alpha, context.slope = alpha, slope  # type: ignore[attr-defined]
        return torch.maximum(z, slope * z)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (z,) = context.saved_tensors  # type: ignore[attr-defined]
        alpha, slope = context.alpha, context.slope  # type: ignore[attr-defined]
        return gradient * (slope + (1 - slope) * torch.sigmoid(alpha * z)), None, None


def hidden(activation: Activation, z: Tensor, alpha: float) -> Tensor:
    """f(z), with the search's derivatives."""
    if isinstance(activation, PiecewiseLinear):
        return ModifiedReLU.apply(z, alpha, activation.slope)
    return activation.module()(z)


def outputs(network: Network, inputs: Tensor, alpha: float) -> Tensor:
    """Phi(x) (m, C) of inputs (m, D)."""
    product = inputs
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        product = (hidden(network.activation, product, alpha) if layer else product) @ weight.T
        product = product if bias is None else product + bias
    return product


def stationarity_residuals(
    network: Network, candidates: Tensor, lambdas: Tensor, labels: Tensor, alpha: float
) -> Tensor:
    """|| theta_p - (1/m) sum_i lambda_i grad_p q(theta; x_i) ||^2 of each layer (L,), a bias with its own.

    candidates: (m, D); lambdas, labels: (m,).
    """
    followed = network.map(lambda parameter: parameter.detach().requires_grad_())
    log_odds = network.family.log_odds(outputs(followed, candidates, alpha), labels)
    explained = torch.autograd.grad((lambdas * log_odds).mean(), followed.parameters, create_graph=True)
    squares = [(p.detach() - part).square().sum() for p, part in zip(followed.parameters, explained, strict=True)]
    residuals, with_bias = squares[: len(network.weights)], [bias is not None for bias in network.biases]
    for layer, square in zip(np.flatnonzero(with_bias), squares[len(network.weights) :], strict=True):
        residuals[layer] = residuals[layer] + square
    return torch.stack(residuals)


def penalties(
    candidates: Tensor, lambdas: Tensor, lambda_min: float, box_weight: float = PublishedSearch().box_weight
) -> Tensor:
    """The pixel box and dual feasibility."""
    box = (candidates.abs() - 1).relu().square().sum()
    dual = (lambda_min - lambdas).relu().square().sum()
    return box_weight * box + DUAL_WEIGHT * dual


def search(network: Network, starts: Starts, iterations: int, record_every: int) -> Outcome:
    """Run the restarts as `engine.Search` does with the method `published`, each by itself."""
    network, starts = network.to(dtype=torch.float64), starts.to(starts.candidates.device, torch.float64)
    found = [_search_one(network, starts.only([k]), iterations, record_every) for k in range(len(starts))]
    return Outcome.concatenate(found)


def _search_one(network: Network, start: Starts, iterations: int, record_every: int) -> Outcome:
    candidates = start.candidates[0].clone().requires_grad_()
    lambdas = start.lambdas[0].clone().requires_grad_()
    labels = network.family.candidate_labels(len(lambdas)).to(candidates)
    alpha, lambda_min = start.alpha.item(), start.lambda_min.item()
    candidate_optimiser = torch.optim.SGD([candidates], start.learning_rate.item(), momentum=MOMENTUM)
    lambda_optimiser = torch.optim.SGD([lambdas], start.lambda_learning_rate.item(), momentum=MOMENTUM)
    trace, trace_iterations = [], []
    for iteration in range(iterations + 1):
        residuals = stationarity_residuals(network, candidates, lambdas, labels, alpha)
        if iteration % record_every == 0 or iteration == iterations:
            trace.append(residuals.detach().cpu())
            trace_iterations.append(iteration)
        if iteration == iterations:
            break
        candidate_optimiser.zero_grad()
        lambda_optimiser.zero_grad()
        (residuals.sum() + penalties(candidates, lambdas, lambda_min)).backward()
        candidate_optimiser.step()
        lambda_optimiser.step()
    return Outcome(
        candidates.detach().cpu()[None],
        lambdas.detach().cpu()[None],
        torch.tensor(trace_iterations),
        torch.stack(trace)[None],
    )
