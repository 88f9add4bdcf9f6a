"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import deployed, pixels, store
from .blocks import blocks
from .calibration import Thresholds, threshold
from .deployed import Deployed
from .matching import nearest_by_channel, nearest_by_ncc, reconstructions
from .pixels import Pixels

PIECE = 256  # directions


@dataclass(frozen=True)
class Control:
    """An answer's scores: NCC with the nearest candidate, SSIM (window 3) of the published matching.

    ncc and ssim: (n,), of the training images; held_out_ncc: (k,), of images never trained on; scrambled_ncc: (n,), of
    the training images with random candidates of the answer's own spread. Each answer is judged by these two: smooth
    candidates match anything better than sharp ones do, and what lies in the span of the training images matches them.
    """

    ncc: np.ndarray
    ssim: np.ndarray
    held_out_ncc: np.ndarray
    scrambled_ncc: np.ndarray

    def thresholds(self, rate: float) -> Thresholds:
        return Thresholds(threshold(self.held_out_ncc, rate), threshold(self.scrambled_ncc, rate))


def mean_image(images: np.ndarray, held_out_images: np.ndarray, model: Deployed) -> Control:
    """No reconstruction at all: the mean image that ships with the model, for every image (n, C, H, W)."""
    ssim = reconstructions(images, model.mean, np.zeros_like(images)).ssim[3]
    nothing = np.zeros(len(images))
    return Control(nothing, ssim, np.zeros(len(held_out_images)), nothing)


def scored(
    images: np.ndarray, held_out_images: np.ndarray, model: Deployed, candidates: Pixels, scrambled: Pixels
) -> Control:
    """Candidates (N, D), matched with images (n, C, H, W) as those of a reconstruction are, beside scrambled ones."""
    inputs = model.centred(images)
    chosen = candidates[nearest_by_channel(inputs, candidates, model.mean.shape).index].view(-1, *model.mean.shape)
    return Control(
        nearest_by_ncc(inputs, candidates).score,
        reconstructions(images, model.mean, chosen.numpy()).ssim[3],
        nearest_by_ncc(model.centred(held_out_images), candidates).score,
        nearest_by_ncc(inputs, scrambled).score,
    )


@dataclass(frozen=True)
class ControlSearch:
    """Another model's candidates, found as ours were."""

    name: str
    model: Deployed
    candidates: Pixels
    scrambled: Pixels


def searches(paths: Sequence[tuple[str, Path, Path]], seed: int) -> Iterator[ControlSearch]:
    """One after the other, from names, model.h5 and candidates.h5 of control searches; raises UserError."""
    for name, model_path, candidates_path in paths:
        model = deployed.read(model_path)
        candidates = store.read(candidates_path, "candidates")
        store.require_source(candidates, "model", model.stored)
        raw = pixels.of(candidates, "candidates/coordinates", model)
        yield ControlSearch(name, model, raw, scrambled_candidates(candidates, model, seed))


def scrambled_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Pixels:
    """Random candidates (N, D), mean-subtracted, with the candidates' spread along W_1's right singular vectors."""
    coordinates = candidates["candidates/coordinates"]
    if "basis" in candidates.arrays:  # whose rows are those vectors
        return Pixels(scramble(coordinates.std(axis=0), len(coordinates), seed), candidates["basis"], model)
    return scrambled_inputs(coordinates, model, seed)


def scrambled_inputs(inputs: np.ndarray, model: Deployed, seed: int) -> Pixels:
    """The same for network inputs (N, D)."""
    directions = torch.linalg.svd(model.network.weights[0].double(), full_matrices=True).Vh.float().numpy()
    pieces = [directions[piece] for piece in blocks(len(directions), PIECE)]
    spread = np.concatenate([(inputs @ piece.T).std(axis=0) for piece in pieces])
    return Pixels(scramble(spread, len(inputs), seed), directions, model)


def scramble(spread: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Gaussian candidates (count, r) with the given spread (r,) along each direction of the search space.

    What such an answer scores, a reconstruction must beat: both lie in the span of the training images, as
    held-out images do not.
    """
    drawn = np.random.default_rng(seed).standard_normal((count, len(spread)), dtype=np.float32)
    drawn *= spread
    return drawn
