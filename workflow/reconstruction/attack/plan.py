"""The attack on one model: the methods that the model allows, and what they search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..configuration import PRIOR_WEIGHTS, ExactSearch, PublishedSearch, Restarts, SearchSettings, SubspaceSearch
from ..errors import UserError
from ..models.deployed import largest_input
from ..models.mlp import Network
from ..models.space import INPUTS, Space
from ..schedules import DECAYS
from .exact.condition import condition
from .exact.equations import Equations, NotRead, equations
from .exact.hunt import TRIAL, Hunt, Plan
from .exact.prior import Prior, from_weights
from .exact.search import GateSearch
from .pictures import public_spectrum
from .search.engine import Method
from .search.optimisers import Adam, Momentum
from .search.priors import Penalty, Pixels
from .subspace import NoSubspace, spectral_scales, weight_span

OPTIMISERS: dict[type[SearchSettings], type[Momentum] | type[Adam]] = {
    PublishedSearch: Momentum,
    SubspaceSearch: Adam,
}

TRIAL_STARTS = 200
DIRECTIONS = 1.25  # for each unknown of an image; of fewer, as many patterns pass that are no image's as are one's


@dataclass(frozen=True)
class Attack:
    """A method that the model allows, with its settings; note: why it is not the one preferred, if it is not."""

    name: str
    method: Method
    settings: SearchSettings
    note: str = ""


@dataclass(frozen=True)
class Gates:
    """What the exact attack hunts in: a network's equations, the prior on an image, and how it hunts; note: what is to
    be known before any of its patterns is believed, if there is something."""

    system: Equations
    prior: Prior
    plan: Plan
    seed: int
    note: str = ""
    name: str = "exact"

    def hunt(self, device: torch.device | str = "cpu") -> Hunt:
        return Hunt(self.system, self.prior, self.plan, self.seed, device)

    @property
    def space(self) -> Space:
        return Space(self.system.basis)


def gates(network: Network, settings: Restarts, std: Tensor, trial: bool = True) -> Gates:
    """The exact attack on a network whose inputs were divided by std, (C, H, W) of pictures and (D,) of what is none.

    Raises UserError where the rank is too large, NoGates where the weights say that it does not apply or, of a trial, a
    few hundred starts; where the settings leave the choice, also where there are too few equations for the unknowns
    or several outputs (docs/exact.md).
    """
    rank, largest = settings.exact.rank, min(network.weights[0].shape)
    if rank is not None and rank > largest:
        raise UserError(f"exact.rank: is {rank}, and the first layer's rank is {largest} at most", "lower it")
    found = condition(network, rank)
    if not found.applies:
        raise NoGates(str(found))
    try:
        system = equations(network, found.rank)
    except NotRead as error:
        raise NoGates(str(error)) from None
    directions, unknowns = system.rows.shape[0], 2 * system.rows.shape[1]
    doubt = note = ""
    if directions < DIRECTIONS * unknowns:
        doubt = f"the first layer's units have {directions} directions, too few for the {unknowns} unknowns of an image"
    elif network.family.outputs > 1:
        doubt = "the network has several outputs, of which trained ones gave more wrong patterns than right ones"
    if doubt and settings.method == "auto":
        raise NoGates(f"the exact attack is not tried: {doubt}")
    if doubt:
        note = f"{doubt}: gate patterns will pass that are no image's, so compare with controls before you believe any"
    plan = plan_of(settings.exact)
    attack = Gates(system, from_weights(system, std), plan, settings.seed, note)
    tried = replace(attack, plan=replace(plan, batch=TRIAL_STARTS), seed=0).hunt().explore([0], kind=TRIAL)
    if trial and not any(report.new for report in tried):
        raise NoGates(
            f"the exact attack does not apply: of {TRIAL_STARTS} random starts none ends in a gate pattern that the "
            "weights confirm"
        )
    return attack


def plan_of(settings: ExactSearch) -> Plan:
    """How the settings would have the hunt go on."""
    search = GateSearch(iterations=settings.iterations, ridge=settings.ridge)
    return Plan(batch=settings.starts, search=search, deflations=settings.deflations)


class NoGates(ValueError):
    """The exact attack does not apply; says why in a sentence."""


def choose(network: Network, settings: Restarts, pixels: Pixels | None = None) -> Attack:
    """The method of the settings; raises UserError where the model forbids `subspace`."""
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
            searched = method_of(settings.subspace, settings.trace_points, network, pixels, Space(basis, scales))
            return Attack("subspace", searched, settings.subspace)
    searched = method_of(settings.published, settings.trace_points, network, pixels)
    return Attack("published", searched, settings.published, note)


def method_of(
    search: SearchSettings, trace_points: int, network: Network, pixels: Pixels | None = None, space: Space = INPUTS
) -> Method:
    """What the settings make of a search for a network's images; raises UserError where they do not fit it."""
    prior = None
    if search.prior != "none":
        if pixels is None or not pixels.are_pictures:
            raise UserError(f"prior: {search.prior} is of pictures, and the model's inputs are none", "set it to none")
        if search.prior_images:
            pixels = replace(pixels, spectrum=public_spectrum(search.prior_images, pixels.mean.shape))
        weight = PRIOR_WEIGHTS[search.prior] if search.prior_weight is None else search.prior_weight
        prior = Penalty(search.prior, weight, search.prior_begins, search.prior_ends, pixels)
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
        box=largest_input(pixels.std) if pixels else 1.0,
        layer_weights=None if weights is None else tuple(weights),
        space=space,
        prior=prior,
    )
