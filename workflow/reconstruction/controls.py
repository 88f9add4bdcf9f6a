"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import store
from .deployed import Deployed
from .matching import nearest_by_channel, nearest_by_ncc, reconstructions


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


def scrambled_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Tensor:
    """Random candidates (N, D), mean-subtracted, with the candidates' spread along W_1's right singular vectors."""
    coordinates = candidates["candidates/coordinates"]
    if "basis" in candidates.arrays:  # whose rows are those vectors
        drawn = scramble(coordinates, np.eye(coordinates.shape[1], dtype=np.float32), seed)
        return model.pixels(torch.from_numpy(drawn @ candidates["basis"]))
    directions = torch.linalg.svd(model.network.weights[0].double(), full_matrices=True).Vh.float().numpy()
    return model.pixels(torch.from_numpy(scramble(coordinates, directions, seed)))


def scramble(coordinates: np.ndarray, directions: np.ndarray, seed: int) -> np.ndarray:
    """As many Gaussian candidates (N, r), with the candidates' spread along each direction of the search space.

    directions: (d, r), orthonormal rows. What such an answer scores, a reconstruction must beat: both
    lie in the span of the training images, as held-out images do not.
    """
    spread = (coordinates @ directions.T).std(axis=0)
    drawn = np.random.default_rng(seed).standard_normal((len(coordinates), len(directions)), dtype=np.float32)
    return (drawn * spread) @ directions
