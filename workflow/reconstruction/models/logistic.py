"""Classifiers' loss, log(1 + exp(-q)), and the binary logistic family: one output, labels -1 and +1, q = y Phi(x)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .family import Family


class Classifier(Family):
    """Learns by the log-odds q of the labels."""

    lambda_has_a_sign = True

    def mean_loss(self, log_odds: Tensor) -> Tensor:
        return softplus(-log_odds.double()).mean()

    def slope(self, log_odds: Tensor) -> Tensor:
        return (-log_odds.double()).sigmoid()

    def curvature(self, log_odds: Tensor) -> Tensor:
        return self.slope(log_odds) * self.slope(-log_odds)


class Logistic(Classifier):
    outputs = 1
    labels = (-1, 1)

    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return labels * outputs.squeeze(-1)

    def log_odds_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return labels.unsqueeze(-1)

    def candidate_labels(self, count: int) -> Tensor:
        """The first half -1, the rest +1."""
        return torch.where(torch.arange(count) < count // 2, -1.0, 1.0)


LOGISTIC = Logistic()
