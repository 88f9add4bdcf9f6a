"""The gate patterns of all shards as one answer: what is missing is hunted for, then one solve gives the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..attack.exact.acceptance import SAME, columns
from ..attack.exact.choice import doubt
from ..attack.exact.confirmation import confirmed, discrepancy, labels
from ..attack.exact.hunt import Hunt, Report
from ..attack.exact.search import Solutions
from ..attack.plan import Gates
from ..errors import UserError
from ..files import store
from ..machine.devices import require_memory
from ..models.space import Space
from .gathering import shards

DOUBLE, COPIES = 8, 8  # bytes of a number, and of a matrix of all patterns, or of all unknowns, that are alive at once
MISREAD = 3  # times its usual size no image is, whatever its bias says


@dataclass(frozen=True)
class Answer:
    """k images, the surest first.

    coordinates: (k, r), in the space of the attack, at the size that the first layer's bias tells; lambdas: (k,),
    positive; labels: (k,) of the network's family, by lambda's sign or, where the equations leave it open, the
    network's own answer; gap: (k,), how far a pattern is from closing its equations; contradiction: (k,), the share of
    an image's products with the weights that contradicts its own gates; misfit: (k,), of log lambda, by which it is not
    what the network's output at the image asks for; score: (k,), of gap and contradiction; support: (k,), in how many
    shards. confirmed: images whose lambda fits; by_chance: how many of these are expected to.
    """

    coordinates: np.ndarray
    lambdas: np.ndarray
    labels: np.ndarray
    gap: np.ndarray
    contradiction: np.ndarray
    misfit: np.ndarray
    score: np.ndarray
    support: np.ndarray
    confirmed: int
    by_chance: float
    unexplained: float  # share of the first layer's squared norm
    starts: int
    patterns: int


def answer(
    attack: Gates,
    paths: Sequence[Path],
    model: store.Stored,
    progress: Callable[[int, Report], None],
    choosing: Callable[[float], None],
) -> tuple[Answer, list[store.Stored]]:
    """The answer, and the shards without their arrays; raises UserError where no shard has found a pattern.

    progress(batch, report) is called for each batch that looks for what is missing, choosing(done) while the patterns
    that are images are chosen.
    """
    hunt, read, found = attack.hunt(), [], []
    for shard in shards(paths, model):
        found.append(_here(Solutions.of(shard.arrays), shard, attack))
        hunt.add(found[-1])
        read.append(store.without_arrays(shard))
    if not len(hunt.found):
        raise UserError(
            f"{paths[0].parent}: no start has ended in a gate pattern that the weights confirm",
            "raise shards, or set method to subspace",
        )
    starts = sum(report["starts"] for shard in read for report in shard.facts["reports"])
    for number, report in enumerate(hunt.deflate()):
        progress(number, report)
        starts += report.starts
    rows, unknowns = attack.system.rows.shape
    require_memory(
        DOUBLE * COPIES * (rows + unknowns) * (len(hunt.found) + unknowns),
        f"deduplicate: to solve for {len(hunt.found)} gate patterns together",
        "use a machine with more memory, or set method to subspace",
    )
    return solved(attack, hunt, found, starts, choosing), read


def _here(solutions: Solutions, shard: store.Stored, attack: Gates) -> Solutions:
    """A shard's solutions in the basis of the attack, whose row space is the same."""
    if solutions.gates.shape[1] != len(attack.system.rows):
        raise UserError(
            f"{shard.path}: its gate patterns are of another grouping of units", "make the shard again here"
        )
    space, own, size = Space.of(attack.space.arrays()), Space.of(shard.arrays), len(attack.system.basis)

    def turned(values: Tensor) -> Tensor:
        inner = torch.from_numpy(space.turned(own, values[:, :size].numpy()))
        return torch.cat([inner, values[:, size:]], 1)

    return replace(solutions, z=turned(solutions.z), v=turned(solutions.v))


def solved(
    attack: Gates, hunt: Hunt, found: Sequence[Solutions], starts: int, choosing: Callable[[float], None]
) -> Answer:
    """The images of a hunt's patterns; found: by each shard."""
    chosen, images = hunt.chosen(choosing)
    if not len(chosen):
        raise UserError(
            "deduplicate: no gate pattern agrees with its own image", "raise shards, or set method to subspace"
        )
    misfit = discrepancy(attack.system, chosen, images)
    confirmed_images, by_chance = confirmed(misfit)
    system, own = attack.system, columns(attack.system, chosen)
    left = system.weighted - own.T @ torch.linalg.lstsq(own.T, system.weighted).solution
    scales = system.scales[:, None]
    unexplained = ((left * scales).square().sum() / (system.weighted * scales).square().sum()).item()
    support = sum(
        ((own @ columns(system, part).T).amax(1) > SAME).int() if len(part) else torch.zeros(len(own), dtype=torch.int)
        for part in found
    )
    size = system.size(images.z).clamp(1 / MISREAD, MISREAD)
    return Answer(
        (images.z / size)[:, : len(system.basis)].float().numpy(),
        (images.lambdas.abs() * size[:, 0]).float().numpy(),
        labels(system, images).to(torch.int16).numpy(),
        chosen.gap.numpy(),
        images.consistency.numpy(),
        misfit.numpy(),
        1 / doubt(chosen.gap, images.consistency).numpy(),
        torch.as_tensor(support).numpy(),
        confirmed_images,
        by_chance,
        unexplained,
        starts,
        len(hunt.found),
    )
