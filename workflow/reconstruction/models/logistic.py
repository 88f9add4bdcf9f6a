"""The binary logistic family: one output, labels -1 and +1, the loss log(1 + exp(-q)) of the margin q = y Phi(x)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from .family import Family


class Logistic(Family):
    outputs = 1
    lambda_has_a_sign = True

    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return labels * outputs.squeeze(-1)

    def margin_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return labels.unsqueeze(-1)

    def mean_loss(self, margins: Tensor) -> float:
        return softplus(-margins.double()).mean().item()

    def slope(self, margins: Tensor) -> Tensor:
        return (-margins.double()).sigmoid()

    def curvature(self, margins: Tensor) -> Tensor:
        return self.slope(margins) * self.slope(-margins)

    def candidate_labels(self, count: int) -> Tensor:
        """The first half -1, the rest +1."""
        return torch.where(torch.arange(count) < count // 2, -1.0, 1.0)


LOGISTIC = Logistic()
