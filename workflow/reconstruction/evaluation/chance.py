"""Random candidates in an answer's own search space, and what the training images score with them.

An answer from the row space of the first layer lies in the span of the training images, as held-out images do not, and
so do random candidates there. What these score, a reconstruction must beat. A few lucky matches decide the threshold of
one draw, so draws are repeated until the rate of false positives lets TAIL scores pass. Gaussians have the answer's
spread along each direction alone; the answer shuffled has all that its coordinates have along each by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..files import store
from ..machine.blocks import blocks
from ..models.deployed import Deployed
from ..models.space import Space
from .matching import nearest_by_ncc, nearest_of_each
from .pixels import Pixels

TAIL = 10  # scores above a threshold
PIECE = 256  # directions


@dataclass(frozen=True)
class Chance:
    """As many random candidates as an answer has, with its spread (r,) along each of the directions (r, D)."""

    spread: np.ndarray
    directions: np.ndarray
    count: int
    model: Deployed
    seed: int

    @staticmethod
    def of_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Chance:
        """Along the rows of the basis that was searched, which are W_1's right singular vectors, or else along all of
        these."""
        coordinates = candidates["candidates/coordinates"]
        if Space.of(candidates.arrays).is_whole:
            return Chance.of_inputs(coordinates, model, seed)
        return Chance(coordinates.std(axis=0), candidates["basis"], len(coordinates), model, seed)

    @staticmethod
    def of_inputs(inputs: np.ndarray, model: Deployed, seed: int) -> Chance:
        """Of network inputs (N, D)."""
        pieces = [model.directions[piece] for piece in blocks(len(model.directions), PIECE)]
        spread = np.concatenate([(inputs @ piece.T).std(axis=0) for piece in pieces])
        return Chance(spread, model.directions, len(inputs), model, seed)

    @staticmethod
    def of_images(inputs: Tensor, count: int, model: Deployed, seed: int) -> Chance:
        """Random mixtures of images as network inputs (n, D): sums of all, each times a Gaussian of variance 1 / n."""
        _, singular_values, directions = torch.linalg.svd(inputs, full_matrices=False)
        return Chance(singular_values.numpy() / math.sqrt(len(inputs)), directions.numpy(), count, model, seed)

    def draw(self, number: int) -> Pixels:
        """Draw of a number: N candidates (N, D), mean-subtracted."""
        return Pixels(
            scramble(self.spread, self.count, (self.seed, number)), Space(torch.from_numpy(self.directions)), self.model
        )

    def scores(self, inputs: Tensor, rate: float) -> np.ndarray:
        """NCC (S, n) of n images with the nearest candidate of each of S draws, enough for thresholds at a rate."""
        return scores_of(self.draw, inputs, rate)

    def scores_by_restart(self, inputs: Tensor, rate: float, own: Sequence[np.ndarray]) -> np.ndarray:
        """NCC (R, S, n) likewise, with each of R restarts' own candidates of each draw."""
        numbers = range(draws(len(inputs), rate))
        return np.stack([nearest_of_each(inputs, self.draw(number), own).score for number in numbers], axis=1)


@dataclass(frozen=True)
class Shuffled:
    """An answer's coordinates (N, r) along directions (r, D), each direction's in an order of its own."""

    coordinates: np.ndarray
    directions: np.ndarray
    model: Deployed
    seed: int

    @staticmethod
    def of_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Shuffled:
        """Along the same directions as Chance."""
        coordinates = candidates["candidates/coordinates"]
        if Space.of(candidates.arrays).is_whole:
            return Shuffled(coordinates @ model.directions.T, model.directions, model, seed)
        return Shuffled(coordinates, candidates["basis"], model, seed)

    def draw(self, number: int) -> Pixels:
        shuffled = np.random.default_rng((self.seed, number)).permuted(self.coordinates, axis=0)
        return Pixels(shuffled, Space(torch.from_numpy(self.directions)), self.model)

    def scores(self, inputs: Tensor, rate: float) -> np.ndarray:
        """NCC (S, n) as of Chance."""
        return scores_of(self.draw, inputs, rate)


def scores_of(draw: Callable[[int], Pixels], inputs: Tensor, rate: float) -> np.ndarray:
    numbers = range(draws(len(inputs), rate))
    return np.stack([nearest_by_ncc(inputs, draw(number)).score for number in numbers])


def draws(images: int, rate: float) -> int:
    """In how many draws a rate of the scores of as many images are TAIL."""
    return math.ceil(math.ceil(TAIL / rate - 1e-9) / images)


def scramble(spread: np.ndarray, count: int, seed: int | tuple[int, ...]) -> np.ndarray:
    """Gaussian candidates (count, r) with the given spread (r,) along each direction of the search space."""
    drawn = np.random.default_rng(seed).standard_normal((count, len(spread)), dtype=np.float32)
    drawn *= spread
    return drawn
