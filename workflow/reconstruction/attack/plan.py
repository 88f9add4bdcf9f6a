"""The attack on one model: a method that the model allows, and the space that it searches."""

from __future__ import annotations

from dataclasses import dataclass

from ..configuration import PublishedSearch, Restarts, SearchSettings, SubspaceSearch
from ..errors import UserError
from ..models.mlp import Network
from ..models.space import INPUTS, Space
from ..schedules import DECAYS
from .search.engine import Method
from .search.optimisers import Adam, Momentum
from .subspace import NoSubspace, spectral_scales, weight_span

OPTIMISERS: dict[type[SearchSettings], type[Momentum] | type[Adam]] = {
    PublishedSearch: Momentum,
    SubspaceSearch: Adam,
}


@dataclass(frozen=True)
class Attack:
    """A method that the model allows, with its settings; note: why it is not the one preferred, if it is not."""

    name: str
    method: Method
    settings: SearchSettings
    note: str = ""


def choose(network: Network, settings: Restarts, box: float = 1.0) -> Attack:
    """The method of the settings, the pixel box at |x| = box; raises UserError where the model forbids `subspace`."""
    note = ""
    if settings.method != "published":
        rank, largest = settings.subspace.rank, min(network.weights[0].shape)
        if rank is not None and rank > largest:
            raise UserError(f"subspace.rank: is {rank}, and the first layer's rank is {largest} at most", "lower it")
        try:
            basis = weight_span(network.weights[0], rank)
        except NoSubspace as error:
            if settings.method == "subspace":
                raise UserError(f"method subspace: {error}", "set method to published, or give subspace.rank") from None
            note = f"{error}; searching full pixels with the published method"
        else:
            scales = spectral_scales(network.weights[0], basis, settings.subspace.spectral_power)
            searched = method_of(settings.subspace, settings.trace_points, network, box, Space(basis, scales))
            return Attack("subspace", searched, settings.subspace)
    searched = method_of(settings.published, settings.trace_points, network, box)
    return Attack("published", searched, settings.published, note)


def method_of(
    search: SearchSettings, trace_points: int, network: Network, box: float = 1.0, space: Space = INPUTS
) -> Method:
    """What the settings make of a search for a network's images; raises UserError where they do not fit it."""
    weights = search.layer_weights
    if weights is not None and len(weights) != len(network.weights):
        name = "subspace" if isinstance(search, SubspaceSearch) else "published"
        raise UserError(
            f"{name}.layer_weights: has {len(weights)} numbers and the model has {len(network.weights)} layers",
            "give one for each",
        )
    return Method(
        optimiser=OPTIMISERS[type(search)],
        decay=DECAYS[search.decay],
        iterations=search.iterations,
        record_every=max(1, search.iterations // trace_points),
        box_weight=search.box_weight,
        box=box,
        layer_weights=None if weights is None else tuple(weights),
        space=space,
    )
