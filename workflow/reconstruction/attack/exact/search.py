"""Douglas-Rachford between the column space of the weights and the graph of the step, over a batch of starts.

    (a, y) += relaxation * (G(2 P(a, y) - (a, y)) - P(a, y))

with P onto the pairs (T z, T v) and G onto the graph of u o d relu (Lions and Mercier 1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from . import graph, sensitivity
from .equations import Equations
from .projection import Projection, projection


@dataclass(frozen=True)
class GateSearch:
    """ridge: of v, in units of a weighted row's mean square; prior: weight of z's prior; level: how much of its start z
    must keep; update_every: iterations between two looks at u."""

    iterations: int
    ridge: float
    relaxation: float = 0.9
    prior: float = 0.03
    level: float = 0.6
    update_every: int = 5


@dataclass(frozen=True)
class Solutions:
    """B images, or what may be ones: z, v (B, d), gates (B, m) in [0, 1], layer-2 factors (B, K), gap (B,)."""

    z: Tensor
    v: Tensor
    gates: Tensor
    factors: Tensor
    gap: Tensor

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> Solutions:
        """The solutions that a file keeps."""
        return Solutions(*(torch.from_numpy(arrays[f"solutions/{field.name}"]) for field in fields(Solutions)))

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file keeps of them."""
        return {f"solutions/{field.name}": getattr(self, field.name).numpy() for field in fields(self)}

    def __len__(self) -> int:
        return len(self.gap)

    def __getitem__(self, chosen: Tensor) -> Solutions:
        return Solutions(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Solutions:
        return Solutions(*(getattr(self, field.name).to(device, dtype) for field in fields(self)))


def concatenate(parts: list[Solutions]) -> Solutions:
    return Solutions(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Solutions)))


def begin(equations: Equations, z: Tensor, factors: Tensor) -> Solutions:
    """Solutions to start from: images z (B, d) with the gates that they have, and factors (B, K)."""
    gates = (z @ equations.rows.T > 0).to(z.dtype)
    return Solutions(z, torch.zeros_like(z), gates, factors, z.new_full((len(z),), torch.inf))


class DouglasRachford:
    """The loop's state; `step` as often as you like, then `best`. Runs in the dtype of the starts, and never
    waits for a GPU's numbers."""

    def __init__(self, equations: Equations, starts: Solutions, precision: Tensor, settings: GateSearch) -> None:
        """precision: (d, d), of the prior on z, in units of settings.prior."""
        self.equations, self.settings = equations.to(starts.z.dtype), settings
        level = settings.level * starts.z.square().sum(1)
        self.projection: Projection = projection(equations, settings.prior * precision, settings.ridge, starts.z, level)
        self.factors = starts.factors
        self.u = sensitivity.sensitivity(self.equations, self.factors)
        self.a, self.y = starts.z @ self.equations.rows.T, self.u * self.equations.derivative(starts.gates)
        self.best_a, self.best_y = self.a.clone(), self.y.clone()
        self.best_derivative, self.best_factors = self.equations.derivative(starts.gates), self.factors
        self.gap = starts.gap.new_full((len(starts),), torch.inf)
        self.iteration = 0

    def step(self) -> None:
        z, a, y = self.projection.project(self.a, self.y)
        on_graph_a, on_graph_y = graph.nearest(2 * a - self.a, 2 * y - self.y, self.u, self.equations.slope)
        da, dy = on_graph_a - a, on_graph_y - y
        gap = (da.square().sum(1) + dy.square().sum(1)) / self.u.square().sum(1)
        better, derivative = (gap < self.gap)[:, None], on_graph_y / self.u
        self.gap = torch.fmin(gap, self.gap)
        self.best_factors = torch.where(better, self.factors, self.best_factors)
        torch.where(better, self.a, self.best_a, out=self.best_a)
        torch.where(better, self.y, self.best_y, out=self.best_y)
        torch.where(better, derivative, self.best_derivative, out=self.best_derivative)
        self.a.add_(da, alpha=self.settings.relaxation)
        self.y.add_(dy, alpha=self.settings.relaxation)
        self.iteration += 1
        if self.iteration % self.settings.update_every == 0:
            self.factors = sensitivity.updated(self.equations, self.factors, z, y, derivative)
            self.u = sensitivity.sensitivity(self.equations, self.factors)

    @property
    def best(self) -> Solutions:
        """Each start's iterate of the smallest gap: mean squared distance of projection and graph, over that of u."""
        z, v = self.projection.solve(self.best_a, self.best_y)
        return Solutions(z, v, self.equations.gates(self.best_derivative), self.best_factors, self.gap)


def search(equations: Equations, starts: Solutions, precision: Tensor, settings: GateSearch) -> Solutions:
    """Run all iterations."""
    state = DouglasRachford(equations, starts, precision, settings)
    for _ in range(settings.iterations):
        state.step()
    return state.best
