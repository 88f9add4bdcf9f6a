"""The family of several classes: an output each, labels 0 .. C-1, and cross entropy as the loss.

Cross entropy is log(1 + exp(-q)) of the log-odds q of the label,

    q = Phi_y - log sum_j exp(Phi_j)    over the other classes j,

and the weights are a sum of gradients of q, exactly so under weight decay. Buzaglo et al. 2023 take the largest Phi_j
for the logarithm, which is what it comes to where the outputs are far apart (docs/results.md has what each explains).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .family import Family
from .logistic import LOGISTIC, Classifier


class Softmax(Classifier):
    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.labels = range(outputs)

    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        own, others = _apart(outputs, labels)
        return own - others.max(-1).values

    def log_odds(self, outputs: Tensor, labels: Tensor) -> Tensor:
        own, others = _apart(outputs, labels)
        return own - others.logsumexp(-1)

    def log_odds_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        _, others = _apart(outputs, labels)
        return _is(outputs, labels).to(outputs) - others.softmax(-1)

    def log_odds_curved(self, outputs: Tensor, labels: Tensor, direction: Tensor) -> Tensor:
        _, others = _apart(outputs, labels)
        shares = others.softmax(-1)
        return shares * ((shares * direction).sum(-1, keepdim=True) - direction)

    def candidate_labels(self, count: int) -> Tensor:
        """Class by class, as many of each as of any other, or one more."""
        return (torch.arange(count) * self.outputs // count).float()


def _is(outputs: Tensor, labels: Tensor) -> Tensor:
    """Which of the outputs (..., n, C) is that of the label (..., n)."""
    return labels.unsqueeze(-1) == torch.arange(outputs.shape[-1], device=outputs.device)


def _apart(outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The label's own output (..., n), and the others (..., n, C), -inf in its place."""
    own = _is(outputs, labels)
    return torch.where(own, outputs, 0).sum(-1), outputs.masked_fill(own, -torch.inf)


@lru_cache
def family_of(outputs: int) -> Family:
    """The family of a network with so many outputs."""
    return LOGISTIC if outputs == 1 else Softmax(outputs)


def outputs_for(labels: Tensor | np.ndarray) -> int:
    """How many outputs tell labels apart: one for -1 and +1, else one for each class from 0."""
    return 1 if labels.min() < 0 else int(labels.max()) + 1
