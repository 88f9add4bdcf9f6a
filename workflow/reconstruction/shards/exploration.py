"""The exact attack's part of a shard: batches of random starts, and the gate patterns that they end in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..attack.exact.hunt import Report
from ..attack.exact.search import Solutions
from ..attack.plan import Gates
from ..files import store
from ..machine.progress import Progress
from .checkpoint import Standing
from .saving import Keeper


@dataclass(frozen=True)
class Explored(Standing):
    """solutions: the distinct ones so far; reports: of each batch (a restart) that is done."""

    solutions: Solutions
    reports: list[Report]

    @property
    def done(self) -> str:
        return f"{len(self.reports)} batches of starts"

    def arrays(self) -> dict[str, np.ndarray]:
        return self.solutions.arrays()

    def facts(self) -> dict[str, Any]:
        return {"reports": [vars(report) for report in self.reports]}

    def signs(self, squared_norms: Tensor) -> dict[str, Any]:
        return {"diverged": 0, "unexplained": None}

    @classmethod
    def of(cls, stored: store.Stored, fitting: int) -> Self:
        reports = [Report(**report) for report in stored.facts["reports"]]
        return cls(stored.facts["seconds"], Solutions.of(stored.arrays), reports)


def explore(
    gates: Gates, numbers: range, progress: Progress, keeper: Keeper, device: torch.device | str = "cpu"
) -> Explored:
    """Search from the batches of these numbers, and stop where new starts find nothing new."""
    hunt = gates.hunt(device)
    standing = keeper.go_on(Explored)
    reports = list(standing.reports) if standing else []
    if standing:
        hunt.add(standing.solutions)
    idle = len(list(takewhile(lambda report: not report.new, reversed(reports))))
    count, numbers = len(numbers), range(0) if idle >= gates.plan.patience else numbers
    keeper.pause(lambda: Explored(0.0, hunt.found, reports), len(reports) / count)
    for report in hunt.explore(numbers[len(reports) :], idle):
        reports.append(report)
        done = len(reports) / count
        keeper.pause(lambda: Explored(0.0, hunt.found, reports), done)
        progress(done, f"{sum(it.starts for it in reports)} starts, {report.distinct} gate patterns found")
    return Explored(keeper.seconds, hunt.found, reports)
