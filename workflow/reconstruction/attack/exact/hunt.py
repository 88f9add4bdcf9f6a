"""The hunt for gate patterns: explore from random starts, polish, accept, and deflate; then solve for the images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from . import acceptance, deflation, sensitivity
from .acceptance import SURE, Bounds
from .choice import Choosing, choose
from .equations import Equations
from .polish import polish
from .prior import Prior
from .search import GateSearch, Solutions, begin, concatenate, search
from .solve import Images

TRIAL, EXPLORED, DEFLATED = range(3)  # kinds of batches, each with random numbers of its own


@dataclass(frozen=True)
class Plan:
    """batch: starts in one go; explored, polished: bounds before and after polishing; patience: batches that find
    nothing new before exploring, or deflating, ends.

    deflations: batches in the null space of what is sure; sure_apart: what a column of these must leave outside of the
    span of those before it.
    """

    batch: int
    search: GateSearch
    deflations: int
    explored: Bounds = field(default_factory=lambda: Bounds(1e-2))
    polished: Bounds = field(default_factory=lambda: Bounds(3e-4))
    sure_apart: float = 0.1
    patience: int = 3
    choosing: Choosing = field(default_factory=Choosing)


@dataclass(frozen=True)
class Report:
    """What a batch of starts came to: admissible solutions, new ones among them, and all distinct ones so far."""

    starts: int
    admissible: int
    new: int
    distinct: int


class Hunt:
    """All solutions so far, each batch of starts adding to them: searched for on a device in float32, polished on the
    CPU in float64."""

    def __init__(
        self, system: Equations, prior: Prior, plan: Plan, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        self.system, self.prior, self.plan, self.seed = system, prior, plan, seed
        self.single = system.to(torch.float32, device)
        self.found = none(system)

    def explore(self, numbers: Iterable[int], idle: int = 0, kind: int = EXPLORED) -> Iterator[Report]:
        """Batches from random starts, each from (seed, number) alone, until plan.patience in turn find nothing new.

        idle: how many before the first have found nothing new.
        """
        for number in numbers:
            generator = self.generator(kind, number)
            report = self.search_from(self.prior.draw(self.plan.batch, generator), self.prior.precision, generator)
            yield report
            idle = 0 if report.new else idle + 1
            if idle >= self.plan.patience:
                return

    def deflate(self) -> Iterator[Report]:
        """Batches where the sure solutions do not look."""
        idle = 0
        for number in range(self.plan.deflations if len(self.found) else 0):
            basis = deflation.null_space(self.sure(), self.system.rows.shape[1])
            if not len(basis):
                return
            report = self.look_into(basis, number)
            yield report
            idle = 0 if report.new else idle + 1
            if idle == self.plan.patience:
                return

    def look_into(self, basis: Tensor, number: int) -> Report:
        """One batch in the span of basis (k, d)."""
        generator = self.generator(DEFLATED, number)
        drawn = deflation.starts(self.prior, basis, self.plan.batch, generator)
        return self.search_from(drawn, deflation.deflated(self.prior, basis), generator)

    def add(self, solutions: Solutions) -> int:
        """Solutions that polishing has left within the bounds; how many of them are new."""
        before = len(self.found)
        pooled = concatenate([self.found, solutions])
        self.found = pooled[acceptance.distinct(self.system, pooled)]
        return max(0, len(self.found) - before)

    def sure(self) -> Solutions:
        """What deflation trusts."""
        sure = self.found[acceptance.admissible(self.found, SURE)]
        return sure[acceptance.independent(self.system, sure, sure.gap.argsort(), self.plan.sure_apart)]

    def chosen(self, progress: Callable[[float], None] = lambda done: None) -> tuple[Solutions, Images]:
        """The patterns that are likely images, the surest first, and these images."""
        return choose(self.system, self.found, self.prior, self.plan.choosing, progress)

    def generator(self, kind: int, number: int) -> torch.Generator:
        """That of a batch, of which its kind and number decide alone."""
        state = np.random.SeedSequence([self.seed, number, kind]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> 1))

    def search_from(self, z: Tensor, precision: Tensor, generator: torch.Generator) -> Report:
        """One batch from z (batch, d); precision: (d, d), of the prior on z."""
        device = self.single.rows.device
        factors = sensitivity.random_factors(self.system, len(z), generator)
        starts = begin(self.single, z.to(device), factors.to(device))
        found = search(self.single, starts, precision.to(device), self.plan.search)
        found = found[acceptance.admissible(found, self.plan.explored)].to(torch.float64, "cpu")
        admissible = len(found)
        found = found[acceptance.distinct(self.system, found)]
        polished = polish(self.system, found, precision)
        new = self.add(polished[acceptance.admissible(polished, self.plan.polished)])
        return Report(len(z), admissible, new, len(self.found))


def none(system: Equations) -> Solutions:
    """No solutions."""
    rows, columns = system.rows.shape
    image = torch.zeros(0, columns, dtype=torch.float64)
    return Solutions(image, image, image.new_zeros(0, rows), image.new_zeros(0, len(system.responses)), image[:, 0])
