"""Candidates as pixels, a block at a time: their coordinates take a tenth of the memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..files import store
from ..machine.blocks import blocks
from ..models.deployed import Deployed
from ..models.space import Space
from .bars import bars
from .capacity import BLOCK
from .showing import Showing


@dataclass(frozen=True)
class Pixels:
    """N candidates as images are compared, of which indexing computes those that are asked for."""

    coordinates: np.ndarray  # (N, r)
    space: Space  # of the coordinates
    model: Deployed

    def __len__(self) -> int:
        return len(self.coordinates)

    def __getitem__(self, chosen: slice | np.ndarray) -> Tensor:
        """Pixels (k, D) of k candidates, or of vectors (k, 2 D)."""
        return self.model.pixels(self.space.inputs(torch.from_numpy(self.coordinates[chosen])))


def of(candidates: store.Stored, name: str, model: Deployed) -> Pixels:
    """The candidates whose coordinates are stored under a name."""
    return Pixels(candidates[name], Space.of(candidates.arrays), model)


def pictures(pixels: Tensor, rule: str, showing: Showing) -> np.ndarray:
    """Mean-subtracted pixels (k, D) as pictures (k, C, H, W) in [0, 1]; vectors, as they are compared (k, 2 D), as
    their coordinates drawn."""
    if showing.mean.ndim == 1:
        return bars(pixels[:, : showing.mean.size].numpy())
    return showing.by(rule, pixels.view(-1, *showing.mean.shape).numpy())


def norms(candidates: Pixels) -> np.ndarray:
    """Of candidates about the mean image (N,)."""
    return np.concatenate([candidates[some].norm(dim=1).numpy() for some in blocks(len(candidates), BLOCK)])


def of_representatives(
    candidates: store.Stored, model: Deployed, count: int, rule: str, showing: Showing
) -> np.ndarray:
    """The representatives ranked first as pictures (count, C, H, W).

    A representative is a mean of unit vectors, so it is brought to the median norm of its members first.
    """
    clusters, norms = candidates["candidates/cluster"], np.linalg.norm(candidates["candidates/coordinates"], axis=1)
    lengths = np.linalg.norm(candidates["representatives/coordinates"][:count], axis=1)
    medians = [np.median(norms[clusters == cluster]) for cluster in range(len(lengths))]
    scale = torch.from_numpy((medians / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32))
    found = of(candidates, "representatives/coordinates", model)[:count]
    return pictures(found * scale[:, None], rule, showing)
