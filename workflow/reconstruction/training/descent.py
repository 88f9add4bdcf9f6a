"""Full-batch gradient descent on the mean loss, to stationarity.

    L = (1/n) sum_i log(1 + exp(-q_i))

of the log-odds q_i, y_i Phi(x_i) of two classes; of several this is cross entropy. A regression has a loss of the
residuals (models/regression.py).

Two schedules. `constant` is the published one: theta <- theta - eta grad L. `log-loss` follows the same
gradient flow at a rate that grows as the loss falls, theta <- theta - eta grad log L with
eta = eps / |grad log L|^2, so that log L falls by about eps a step; the plain rate eta / L stays below
0.05 until the loss has fallen below 0.05, that of a regression to a twentieth. Losses are float64, matrix
products of the network's dtype. Every number of a step lives on the device, so that a CUDA graph can replay it.

Weight decay adds decay / 2 |theta|^2 to L.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vector_norm

from ..configuration import ConstantSchedule, Training
from ..machine.cuda_graph import replayed
from ..models.family import Family
from ..models.mlp import Network, activations, outputs, sensitivities

EARLY_LOSS = 0.05
EARLY_RATE = 0.05
DIVERGED_LOSS = 1e30  # long past any use, and still a number in float32
RECORD_EVERY = 20  # steps between two rows of the curve, before which nobody looks at how a step went


class TrainingDiverged(ValueError):
    """The loss has run away, or nothing is left to descend."""


@dataclass(frozen=True)
class Record:
    """One row of the training curve; margins are those of the training images."""

    step: int
    loss: float
    smallest_margin: float
    median_margin: float
    accuracy: float


def record(step: int, found: Tensor, labels: Tensor, family: Family) -> Record:
    """The row of the training curve for outputs (n, C) of images with labels (n,)."""
    margins, loss = family.margins(found, labels), family.mean_loss(family.log_odds(found, labels))
    return Record(step, loss.item(), margins.min().item(), margins.median().item(), family.accuracy(margins))


def first_loss(network: Network, labels: Tensor) -> float:
    """The mean loss where every output is zero, as it nearly is before training."""
    family = network.family
    return family.mean_loss(family.log_odds(labels.new_zeros(len(labels), family.outputs), labels)).item()


def log_loss_gradient(network: Network, layers: list[Tensor], labels: Tensor, loss: Tensor | float) -> list[Tensor]:
    """grad log L = grad L / L for each parameter of the network, from the activations of the training images.

    Dividing by the loss before the products keeps float32 from underflow at small losses.
    """
    family, found = network.family, outputs(network, layers)
    slopes = -(family.slope(family.log_odds(found, labels)) / (loss * len(labels))).to(layers[0].dtype)
    deltas = [slopes.unsqueeze(-1) * delta for delta in sensitivities(network, layers, labels)]
    gradients = [delta.T @ layer for delta, layer in zip(deltas, layers, strict=True)]
    return [*gradients, *(delta.sum(0) for delta, bias in zip(deltas, network.biases, strict=True) if bias is not None)]


def learning_rate(training: Training, loss: Tensor, squared_norm: Tensor, early: float = EARLY_LOSS) -> Tensor:
    """The rate eta of theta <- theta - eta grad log L, given |grad log L|^2; early: the loss that bounds it above."""
    if isinstance(training.schedule, ConstantSchedule):
        return training.schedule.learning_rate * loss
    rate = training.schedule.step / squared_norm
    return torch.where(loss > early, rate.minimum(EARLY_RATE * loss), rate)


class State(NamedTuple):
    """Where training was before a step: how many it had taken, outputs (n, C), the mean loss, and |grad log L|^2."""

    steps: Tensor
    outputs: Tensor
    loss: Tensor
    squared_norm: Tensor


def step(trained: Network, taken: Tensor, inputs: Tensor, labels: Tensor, training: Training, early: float) -> State:
    """Move the parameters in place and count it in `taken`.

    Nothing moves once the loss has reached its target or run away, the gradient is zero, or the steps are spent.
    """
    steps = taken.clone()
    layers = activations(trained, inputs)
    found = outputs(trained, layers)
    loss = trained.family.mean_loss(trained.family.log_odds(found, labels))
    goes_on = (loss > training.target_loss) & (loss < DIVERGED_LOSS) & (steps < training.steps)
    divisor = torch.where(goes_on, loss, 1.0)
    gradients = log_loss_gradient(trained, layers, labels, divisor)
    if training.weight_decay:
        decay = (training.weight_decay / divisor).to(inputs.dtype)
        for gradient, parameter in zip(gradients, trained.parameters, strict=True):
            gradient.addcmul_(parameter, decay)
    squares = (vector_norm(gradient, dtype=torch.float64).square() for gradient in gradients)
    squared_norm = sum(squares, start=torch.zeros_like(loss))
    goes_on &= squared_norm > 0
    rate = torch.where(goes_on, learning_rate(training, loss, squared_norm, early), 0.0).to(inputs.dtype)
    for parameter, gradient in zip(trained.parameters, gradients, strict=True):
        parameter.addcmul_(gradient, -rate)
    taken.add_(goes_on)
    return State(steps, found, loss, squared_norm)


def descend(
    network: Network,
    inputs: Tensor,
    labels: Tensor,
    training: Training,
    progress: Callable[[Record], None],
) -> tuple[Network, list[Record]]:
    """Train until the loss reaches training.target_loss or training.steps are spent.

    inputs: (n, D); labels: (n,), of the inputs' dtype. The network given is left as it is.
    Raises TrainingDiverged when the loss runs away or the gradient vanishes.
    """
    trained = network.map(torch.clone)
    taken = torch.zeros((), dtype=torch.int64, device=inputs.device)
    early = EARLY_LOSS * (first_loss(network, labels) if network.regression else 1)
    advance: Callable[[], State] = partial(step, trained, taken, inputs, labels, training, early)
    if inputs.is_cuda:
        advance = replayed(advance, [*trained.parameters, taken])
    curve: list[Record] = []
    for tried in range(training.steps + 1):
        state = advance()
        if tried % RECORD_EVERY and tried < training.steps:
            continue
        steps, loss = int(state.steps), state.loss.item()
        if not loss < DIVERGED_LOSS:
            raise TrainingDiverged(f"the loss is {loss:g} after {steps} steps")
        curve.append(record(steps, state.outputs, labels, network.family))
        progress(curve[-1])
        if loss <= training.target_loss or steps == training.steps:
            break
        if not state.squared_norm:
            raise TrainingDiverged(f"the gradient is zero after {steps} steps, no hidden unit responds to any image")
    return trained, curve
