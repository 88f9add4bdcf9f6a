"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from . import store
from .blocks import blocks
from .deployed import Deployed
from .matching import nearest_by_channel, nearest_by_ncc, reconstructions
from .pixels import Pixels

PIECE = 256  # directions


@dataclass(frozen=True)
class Control:
    """Scores (n,) of the training images: NCC with the nearest candidate, SSIM (window 3) of the published matching."""

    ncc: np.ndarray
    ssim: np.ndarray


def mean_image(images: np.ndarray, model: Deployed) -> Control:
    """No reconstruction at all: the mean image that ships with the model, for every image (n, C, H, W)."""
    nothing = np.zeros_like(images)
    return Control(np.zeros(len(images)), reconstructions(images, model.mean, nothing).ssim[3])


def scrambled(images: np.ndarray, model: Deployed, candidates: store.Stored, seed: int) -> Control:
    """As many random candidates as there are, in the same search space, matched with images (n, C, H, W)."""
    drawn = scrambled_candidates(candidates, model, seed)
    inputs = model.centred(images)
    chosen = drawn[nearest_by_channel(inputs, drawn, model.mean.shape).index].view(-1, *model.mean.shape).numpy()
    return Control(nearest_by_ncc(inputs, drawn).score, reconstructions(images, model.mean, chosen).ssim[3])


def scrambled_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Pixels:
    """Random candidates (N, D), mean-subtracted, with the candidates' spread along W_1's right singular vectors."""
    coordinates = candidates["candidates/coordinates"]
    if "basis" in candidates.arrays:  # whose rows are those vectors
        return Pixels(scramble(coordinates.std(axis=0), len(coordinates), seed), candidates["basis"], model)
    directions = torch.linalg.svd(model.network.weights[0].double(), full_matrices=True).Vh.float().numpy()
    pieces = [directions[piece] for piece in blocks(len(directions), PIECE)]
    spread = np.concatenate([(coordinates @ piece.T).std(axis=0) for piece in pieces])
    return Pixels(scramble(spread, len(coordinates), seed), directions, model)


def scramble(spread: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Gaussian candidates (count, r) with the given spread (r,) along each direction of the search space.

    What such an answer scores, a reconstruction must beat: both lie in the span of the training images, as
    held-out images do not.
    """
    drawn = np.random.default_rng(seed).standard_normal((count, len(spread)), dtype=np.float32)
    drawn *= spread
    return drawn
