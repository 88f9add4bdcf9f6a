"""The family of a model: all that its output layer and its loss decide.

Training, settling, the true data's stationarity and the search ask a family what the margin of an output is, where
sensitivities begin, whether lambda has a sign, and which labels candidates get. A further family is one more class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Family(ABC):
    """n examples have outputs (..., n, C) and labels (n,); a margin q is what the loss falls with."""

    outputs: int  # C
    lambda_has_a_sign: bool  # whether dual feasibility demands lambda >= 0

    @abstractmethod
    def margins(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """q (..., n)."""

    @abstractmethod
    def margin_gradient(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """dq/dPhi (..., n, C) at the outputs, where sensitivities begin."""

    @abstractmethod
    def mean_loss(self, margins: Tensor) -> float:
        """The mean loss of margins (n,)."""

    @abstractmethod
    def slope(self, margins: Tensor) -> Tensor:
        """Minus the loss's derivative at each of the margins (n,), in float64."""

    @abstractmethod
    def curvature(self, margins: Tensor) -> Tensor:
        """The loss's second derivative at each of the margins (n,), in float64."""

    @abstractmethod
    def candidate_labels(self, count: int) -> Tensor:
        """The labels (m,) that m candidates are given for good."""
