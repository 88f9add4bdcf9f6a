"""The logistic loss log(1 + exp(-q)) of a margin q = y Phi(x), and its derivatives, in float64.

Training, settling and the true data's stationarity know the loss by these three functions alone. Other families of
models would enter here and at these places: several classes with q = Phi_y - max Phi_j of the others, with whose
gradient `sensitivities` (network.py) begins; regression with the error in the margin's place, and no bound on lambda in
`search.METHODS`; convolutions with their own `activations`, `sensitivities` and `gradient_grams` (network.py), and
products in stationarity.py.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def mean_loss(margins: Tensor) -> float:
    """The mean loss of margins (n,)."""
    return softplus(-margins.double()).mean().item()


def slope(margins: Tensor) -> Tensor:
    """Minus the derivative at each of the margins (n,), sigmoid(-q)."""
    return (-margins.double()).sigmoid()


def curvature(margins: Tensor) -> Tensor:
    """The second derivative at each of the margins (n,)."""
    return slope(margins) * slope(-margins)
