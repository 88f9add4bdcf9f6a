"""The gate patterns of all shards as one answer: what is missing is hunted for, then one solve gives the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..attack.exact.acceptance import SAME, columns
from ..attack.exact.hunt import CONSISTENT, Hunt, Report
from ..attack.exact.search import Solutions
from ..attack.plan import Gates
from ..errors import UserError
from ..files import store
from .gathering import shards


@dataclass(frozen=True)
class Answer:
    """k images, the surest first.

    coordinates: (k, r), in the space of the attack; lambdas: (k,), positive; labels: (k,) in {-1, +1}, the sign of
    lambda as the equations have it; gap: (k,), how far a pattern is from closing its equations; contradiction: (k,),
    the share of an image's products with the weights that contradicts its own gates; support: (k,), in how many shards.
    """

    coordinates: np.ndarray
    lambdas: np.ndarray
    labels: np.ndarray
    gap: np.ndarray
    contradiction: np.ndarray
    support: np.ndarray
    unexplained: float  # share of the first layer's squared norm
    starts: int
    patterns: int


def answer(
    attack: Gates, paths: Sequence[Path], model: store.Stored, progress: Callable[[int, Report], None]
) -> tuple[Answer, list[store.Stored]]:
    """The answer, and the shards without their arrays; raises UserError where no shard has found a pattern.

    progress(batch, report) is called for each batch that looks for what is missing.
    """
    hunt, read, found = attack.hunt, [], []
    for shard in shards(paths, model):
        found.append(Solutions.of(shard.arrays))
        hunt.add(found[-1])
        read.append(shard)
    if not len(hunt.pool):
        raise UserError(
            f"{paths[0].parent}: no start has ended in a gate pattern that the weights confirm",
            "raise shards, or set method to subspace",
        )
    starts = sum(report["starts"] for shard in read for report in shard.facts["reports"])
    for number, report in enumerate(hunt.deflate()):
        progress(number, report)
        starts += report.starts
    return solved(attack, hunt, found, starts), [store.without_arrays(shard) for shard in read]


def solved(attack: Gates, hunt: Hunt, found: Sequence[Solutions], starts: int) -> Answer:
    """The images of a hunt's patterns; found: by each shard."""
    chosen = hunt.chosen()
    images = hunt.images(chosen)
    order = ((images.consistency + CONSISTENT) * chosen.gap).argsort()
    chosen, z = chosen[order], images.z[order]
    lambdas, consistency = images.lambdas[order], images.consistency[order]
    system, own = attack.system, columns(attack.system, chosen)
    left = system.weighted - own.T @ torch.linalg.lstsq(own.T, system.weighted).solution
    scales = system.scales[:, None]
    unexplained = ((left * scales).square().sum() / (system.weighted * scales).square().sum()).item()
    support = sum(
        ((own @ columns(system, part).T).amax(1) > SAME).int() if len(part) else torch.zeros(len(own), dtype=torch.int)
        for part in found
    )
    return Answer(
        z[:, : len(system.basis)].float().numpy(),
        lambdas.abs().float().numpy(),
        lambdas.sign().to(torch.int8).numpy(),
        chosen.gap.numpy(),
        consistency.numpy(),
        torch.as_tensor(support).numpy(),
        unexplained,
        starts,
        len(hunt.pool),
    )
