"""Pictures compared by their detail, and by how much an image exceeds what chance reaches for that very image.

Smooth pictures match anything, and most of what tells pictures apart is fine and faint. So their waves are weighed by
a power of their frequency before the NCC, which needs no other images; at the power 0 it is the plain NCC.
Vectors, which have no waves, keep their cosine. What an image reaches with candidates that know nothing is taken off,
since some images match anything. Candidates of the other labels are no reconstruction of an image, though they are
images and mixtures as all that a search finds: that they exceed chance no more shows that the count is of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..attack.pictures import SLOWEST
from .chance import Chance, Shuffled
from .matching import nearest, standardise
from .pixels import Pixels

POWER = 0.5  # of frequency; chosen in docs/evidence.md
DRAWS = 10  # of either kind of candidates that know nothing


@dataclass(frozen=True)
class Excess:
    """Of training images (n,) and held-out ones (k,); nulls: by name (DRAWS, n), of the training images with
    candidates that know nothing, each draw judged by all the others; other_labels: (n,), of the training images with
    the candidates of all labels but theirs, nan where there are none."""

    training: np.ndarray
    held_out: np.ndarray
    nulls: dict[str, np.ndarray]
    other_labels: np.ndarray


def excess(
    training: Tensor,
    held_out: Tensor,
    candidates: Pixels,
    chance: Chance,
    shuffled: Shuffled,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
    power: float = POWER,
) -> Excess:
    """Of images (n, D) and (k, D) with candidates (N, D), all mean-subtracted, beyond random and shuffled ones.

    labels: of the training images (n,) and of the candidates (N,); a regression has none.
    """
    images, model = torch.cat([training, held_out]), candidates.model

    def features(pixels: Tensor) -> Tensor:
        return standardise(pixels) if model.of_vectors else detail(pixels, model.mean.shape, power)

    def scores(answer: Pixels) -> np.ndarray:
        return nearest(images, answer, features).score

    drawn = np.stack([scores(null.draw(number)) for null in (chance, shuffled) for number in range(DRAWS)])
    expected, trained = drawn.mean(0), len(training)
    found = scores(candidates) - expected
    own = ((drawn - expected) * len(drawn) / (len(drawn) - 1))[:, :trained]
    others = np.full(trained, -np.inf)
    if labels:
        others = nearest(training, candidates, features, labels).score - expected[:trained]
    return Excess(
        found[:trained],
        found[trained:],
        {"scrambled": own[:DRAWS], "shuffled": own[DRAWS:]},
        np.where(np.isfinite(others), others, np.nan),
    )


def detail(pixels: Tensor, shape: tuple[int, ...], power: float = POWER) -> Tensor:
    """Pictures (n, D) of a shape (C, H, W) as unit vectors (n, D), whose products are NCCs of their detail."""
    height, width = shape[-2:]
    squared = _frequencies(height)[:, None].square() + _frequencies(width).square() + SLOWEST**2
    waves = _cosines(height) @ standardise(pixels).view(-1, *shape) @ _cosines(width).T
    return normalize((waves * squared ** (power / 2)).flatten(1), dim=1)


def _frequencies(side: int) -> Tensor:
    """In cycles a picture."""
    return torch.arange(side) / 2


def _cosines(side: int) -> Tensor:
    """The discrete cosine transform (side, side), orthonormal."""
    return torch.from_numpy(scipy.fft.dct(np.eye(side), norm="ortho", axis=0)).float()
