"""The attack on one model: a method that the model allows, its search space, and where restarts begin in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..configuration import Restarts as RestartSettings
from ..configuration import Search
from ..errors import UserError
from ..models.mlp import Network
from .search.engine import METHODS, Method, Restarts
from .search.optimisers import DECAYS
from .search.starts import initial_values
from .subspace import NoSubspace, weight_span


@dataclass(frozen=True)
class Attack:
    """A method that the model allows, with its settings and its search space.

    basis: (r, D), orthonormal rows, or None for pixels; scales: (r,), of initial values and steps along
    each direction, or None where they are all alike.
    """

    name: str
    method: Method
    settings: Search
    basis: Tensor | None
    scales: Tensor | None


def choose(network: Network, settings: RestartSettings, box: float = 1.0) -> Attack:
    """The method of the settings, the pixel box at |x| = box; raises UserError where the model forbids `subspace`."""
    if settings.method != "published":
        rank, largest = settings.subspace.rank, min(network.weights[0].shape)
        if rank is not None and rank > largest:
            raise UserError(f"subspace.rank: is {rank}, and the first layer's rank is {largest} at most", "lower it")
        try:
            basis = weight_span(network.weights[0], rank)
            scales = spectral_scales(network.weights[0], basis, settings.subspace.spectral_power)
            method = _method("subspace", settings.subspace, network, box, basis)
            return Attack("subspace", method, settings.subspace, basis, scales)
        except NoSubspace as error:
            if settings.method == "subspace":
                raise UserError(f"method subspace: {error}", "set method to published, or give subspace.rank") from None
            print(f"reconstruct: {error}; searching full pixels with the published method")
    method = _method("published", settings.published, network, box, None)
    return Attack("published", method, settings.published, None, None)


def _method(name: str, search: Search, network: Network, box: float, basis: Tensor | None) -> Method:
    weights = search.layer_weights
    if weights is not None and len(weights) != len(network.weights):
        raise UserError(
            f"{name}.layer_weights: has {len(weights)} numbers and the model has {len(network.weights)} layers",
            "give one for each",
        )
    return replace(
        METHODS[name],
        decay=DECAYS[search.decay],
        box_weight=search.box_weight,
        box=box,
        layer_weights=None if weights is None else tuple(weights),
        basis=basis,
    )


def spectral_scales(first_layer: Tensor, basis: Tensor, power: float) -> Tensor:
    """Scales (r,) with mean square 1 that follow a power of W_1's norm along each row of the basis (r, D).

    What W_1 learnt falls along its singular vectors as the images' own spread does, only faster: at a power below
    one, candidates begin as noise with a spectrum like the images', and no direction is given more than its share.
    """
    scales = (first_layer.double() @ basis.T).norm(dim=0) ** power
    return scales / scales.square().mean().sqrt()


def begin(
    size: int, scales: Tensor | None, settings: RestartSettings, numbers: range, drawn: list[dict[str, float]]
) -> Restarts:
    """Where the restarts of these numbers begin, in a search space of the given size; float64."""
    starts = [
        initial_values(settings.seed, number, settings.candidates, size, row["initial_scale"])
        for number, row in zip(numbers, drawn, strict=True)
    ]
    fields = ("learning_rate", "lambda_learning_rate", "lambda_min", "alpha")
    restarts = Restarts(
        candidates=torch.stack([x for x, _ in starts]),
        lambdas=torch.stack([lambdas for _, lambdas in starts]),
        **{name: torch.tensor([row[name] for row in drawn], dtype=torch.float64) for name in fields},
    )
    if scales is None:
        return restarts
    return replace(
        restarts, candidates=restarts.candidates * scales, learning_rate=restarts.learning_rate[:, None] * scales
    )
