"""Descent to a stationary point under weight decay, where L + decay / 2 |theta|^2 has one.

Heavy-ball momentum (Polyak 1964) from where the log-loss flow has led, at L = decay, which is about the loss of the
stationary point. The rate is the inverse of the loss's curvature, the largest eigenvalue of its Gauss-Newton matrix

    (1/n) sum_i s_i (1 - s_i) g_i g_i^T + decay,    s_i = sigmoid(-q_i), g_i = grad q_i,

of the log-odds q_i, and falls to zero along a cosine. That those of several classes curve themselves is left out:
momentum bears nearly four times the curvature. Curvature is in proportion to the loss, and so to the decay: what the
decay has still to shrink falls by a factor e in some 250 steps, whatever the decay is. It grows again where the loss
has swung far below that of the stationary point: if the loss then runs away, the descent begins again at a quarter of
the rate.

The curvature of a regression does not fall with its loss, so that decay has less to say: there momentum is what damps
its direction, of curvature decay, critically (Polyak 1964), and the flow leads to that share of the first loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..models.mlp import Network, activations, gradient_grams, outputs, sensitivities
from ..schedules import cosine
from .descent import (
    DIVERGED_LOSS,
    RECORD_EVERY,
    Record,
    TrainingDiverged,
    log_loss_gradient,
    record,
)

STEPS = 3000
MOMENTUM = 0.95
CURVATURE_EVERY = 50  # steps between two looks at the curvature
FARTHEST = 10  # weight decays that the loss may be when settling begins; from farther off the steps diverge
CAUTION = (1, 4, 16, 64)  # what the rate is divided by, in turn, while the loss runs away
LOSS_CHANGE = 0.02  # since the last look, beyond which there is another: far from the end curvature grows by the step


def settle(
    network: Network,
    inputs: Tensor,
    labels: Tensor,
    weight_decay: float,
    steps: range,
    progress: Callable[[Record], None],
) -> tuple[Network, list[Record], float]:
    """Descend from a network that steps.start steps have led to L = decay or, of a regression, that share of the first.

    inputs: (n, D); labels: (n,), of the inputs' dtype. The network given is left as it is. Returns
    the network, its curve, and by how much the steps have shrunk a weight that the loss does not depend on.
    Raises TrainingDiverged when the loss runs away at the lowest rate as well.
    """
    for caution in CAUTION:
        try:
            return _settle(network, inputs, labels, weight_decay, steps, progress, caution)
        except TrainingDiverged as error:
            diverged = error
    raise diverged


def _settle(
    network: Network,
    inputs: Tensor,
    labels: Tensor,
    weight_decay: float,
    steps: range,
    progress: Callable[[Record], None],
    caution: float,
) -> tuple[Network, list[Record], float]:
    settled, velocity = network.map(torch.clone), network.map(torch.zeros_like)
    idle, idle_velocity = 1.0, 0.0
    curve: list[Record] = []
    seen, momentum = math.inf, MOMENTUM
    for step in steps:
        layers = activations(settled, inputs)
        found = outputs(settled, layers)
        loss = network.family.mean_loss(network.family.log_odds(found, labels)).item()
        if not loss < DIVERGED_LOSS:
            raise TrainingDiverged(f"the loss is {loss:g} after {step} steps")
        done = step - steps.start
        if done % RECORD_EVERY == 0:
            curve.append(record(step, found, labels, network.family))
            progress(curve[-1])
        if done % CURVATURE_EVERY == 0 or abs(loss - seen) > LOSS_CHANGE * seen:
            largest_rate, seen = 1 / (curvature(settled, layers, labels) + weight_decay) / caution, loss
            if network.regression:
                momentum = max(MOMENTUM, (1 - math.sqrt(weight_decay * largest_rate)) ** 2)
        rate = largest_rate * cosine(done, len(steps))
        gradients = log_loss_gradient(settled, layers, labels, loss=1)
        for parameter, speed, gradient in zip(settled.parameters, velocity.parameters, gradients, strict=True):
            gradient.add_(parameter, alpha=weight_decay)
            speed.mul_(momentum).sub_(gradient, alpha=rate)
            parameter.add_(speed)
        idle_velocity = momentum * idle_velocity - rate * weight_decay * idle
        idle += idle_velocity
    curve.append(record(steps.stop, outputs(settled, activations(settled, inputs)), labels, network.family))
    return settled, curve, idle


def curvature(network: Network, layers: list[Tensor], labels: Tensor) -> float:
    """The largest eigenvalue of the loss's Gauss-Newton matrix, by the Gram matrix (n, n) of the images' gradients.

    layers: activations of the training images; labels: (n,).
    """
    family, found = network.family, outputs(network, layers)
    scales = (family.curvature(family.log_odds(found, labels)) / len(labels)).sqrt()
    gram = torch.stack(gradient_grams(network, layers, sensitivities(network, layers, labels))).sum(0).double()
    return torch.linalg.eigvalsh(gram * scales * scales[:, None])[-1].item()
