"""The family of regression: one output, labels that are targets, any numbers, and a loss of the residual.

The residual q = Phi(x) - y stands where classifiers have log-odds: its gradient is that of the output. Minus the loss's
derivative by q, which lambda is in proportion to, has either sign. The loss is Huber's,

    q^2 / 2 up to |q| = delta,    delta (|q| - delta / 2) beyond,

which for an infinite delta is half the squared residual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..configuration import Classification, Loss
from .family import Family


@dataclass(frozen=True)
class Regression(Family):
    delta: float = math.inf
    outputs = 1
    labels = ()
    lambda_has_a_sign = False

    @staticmethod
    def of(loss: Loss) -> Regression | None:
        """The family that a loss asks for, None of classification."""
        return None if isinstance(loss, Classification) else Regression(loss.delta)

    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Minus the absolute error: of two images the network knows that one better whose margin is larger."""
        return -self.log_odds(outputs, labels).abs()

    def log_odds(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return outputs.squeeze(-1) - labels

    def log_odds_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return torch.ones_like(outputs)

    def mean_loss(self, log_odds: Tensor) -> Tensor:
        slopes = self.slope(log_odds)
        return (-slopes * (log_odds.double() + slopes / 2)).mean()

    def slope(self, log_odds: Tensor) -> Tensor:
        return -log_odds.double().clamp(-self.delta, self.delta)

    def curvature(self, log_odds: Tensor) -> Tensor:
        """Of the parabola that touches the loss and lies above it, since beyond delta the loss itself has none."""
        return (self.delta / log_odds.double().abs()).clamp(max=1)

    def candidate_labels(self, count: int) -> Tensor:
        """Zeros: no equation asks for a candidate's target."""
        return torch.zeros(count)
