"""The family of a model: all that its output layer and its loss decide.

Training, settling, the true data's stationarity and the search ask a family what the margin of an output is, where
sensitivities begin, whether lambda has a sign, and which labels there are. A further family is one more class.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor


class Family(ABC):
    """n examples have outputs (..., n, C) and labels (n,).

    The margin is positive where the label is right. The loss, and so the attack's equations, are about the log-odds q
    of the label, which are the margin where there are two classes, or the residual of a regression.
    """

    outputs: int  # C
    labels: Sequence[int]  # ascending; none where they are targets
    lambda_has_a_sign: bool  # whether dual feasibility demands lambda >= 0

    @abstractmethod
    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """(..., n)."""

    def log_odds(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """q (..., n)."""
        return self.margins(outputs, labels)

    @abstractmethod
    def log_odds_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """dq/dPhi (..., n, C) at the outputs, where sensitivities begin."""

    def log_odds_curved(self, outputs: Tensor, labels: Tensor, direction: Tensor) -> Tensor | None:
        """d2q/dPhi2 times a direction (..., n, C); None where q is linear in the outputs."""
        return None

    def accuracy(self, margins: Tensor) -> float:
        """The fraction of margins (n,) that are positive; nan of none, and where labels are targets."""
        return (margins > 0).double().mean().item() if self.labels else math.nan

    @abstractmethod
    def mean_loss(self, log_odds: Tensor) -> Tensor:
        """The mean loss of log-odds (n,), a number in float64."""

    @abstractmethod
    def slope(self, log_odds: Tensor) -> Tensor:
        """Minus the loss's derivative at each of the log-odds (n,), in float64."""

    @abstractmethod
    def curvature(self, log_odds: Tensor) -> Tensor:
        """The loss's second derivative at each of the log-odds (n,), or that of a parabola above it, in float64."""

    @abstractmethod
    def candidate_labels(self, count: int) -> Tensor:
        """The labels (m,) that m candidates are given for good."""
