"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import deployed, pixels, store
from .blocks import blocks
from .calibration import Thresholds
from .deployed import Deployed
from .matching import by_restart, nearest_by_ncc, nearest_of_each, published, reconstructions
from .pixels import Pixels

PIECE = 256  # directions


@dataclass(frozen=True)
class Control:
    """An answer's scores: NCC with the nearest candidate, SSIM (window 3) of the published matching.

    by_restart: (R, n), NCC of the training images with each restart's own candidates; ssim: (n,); held_out_ncc: (k,),
    of images never trained on; scrambled_ncc: (n,), of the training images with random candidates of the answer's own
    spread. Each answer is judged by these two: smooth candidates match anything better than sharp ones do, and what
    lies in the span of the training images matches them.
    """

    by_restart: np.ndarray
    ssim: np.ndarray
    held_out_ncc: np.ndarray
    scrambled_ncc: np.ndarray

    @property
    def ncc(self) -> np.ndarray:
        """(n,), with the nearest of all candidates."""
        return self.by_restart.max(0)

    def thresholds(self, rate: float) -> Thresholds:
        return Thresholds.of(self.held_out_ncc, self.scrambled_ncc, rate)


def mean_image(images: np.ndarray, held_out_images: np.ndarray, model: Deployed) -> Control:
    """No reconstruction at all: the mean image that ships with the model, for every image (n, C, H, W)."""
    ssim = reconstructions(images, model.mean, np.zeros_like(images)).ssim[3]
    nothing = np.zeros(len(images))
    return Control(nothing[None], ssim, np.zeros(len(held_out_images)), nothing)


def scored(
    images: np.ndarray,
    held_out_images: np.ndarray,
    model: Deployed,
    candidates: Pixels,
    scrambled: Pixels,
    own: Sequence[np.ndarray] | None = None,
) -> Control:
    """Candidates (N, D), matched with images (n, C, H, W) as those of a reconstruction are, beside scrambled ones.

    own: which of them each restart has; None where there are no restarts.
    """
    inputs = model.centred(images)
    return Control(
        nearest_of_each(inputs, candidates, own or [np.arange(len(candidates))]).score,
        published(images, inputs, model.mean, candidates).ssim[3],
        nearest_by_ncc(model.centred(held_out_images), candidates).score,
        nearest_by_ncc(inputs, scrambled).score,
    )


def searched(
    paths: Sequence[tuple[str, Path, Path]], images: np.ndarray, held_out_images: np.ndarray, seed: int
) -> dict[str, Control]:
    """Control searches by name, of names, model.h5 and candidates.h5; raises UserError."""
    answers = {}
    for name, model_path, candidates_path in paths:
        model = deployed.read(model_path)
        candidates = store.read(candidates_path, "candidates")
        store.require_source(candidates, "model", model.stored)
        raw = pixels.of(candidates, "candidates/coordinates", model)
        scrambled = scrambled_candidates(candidates, model, seed)
        own = by_restart(candidates["candidates/restart"])
        answers[name] = scored(images, held_out_images, model, raw, scrambled, own)
    return answers


def scrambled_candidates(candidates: store.Stored, model: Deployed, seed: int) -> Pixels:
    """Random candidates (N, D), mean-subtracted, with the candidates' spread along W_1's right singular vectors."""
    coordinates = candidates["candidates/coordinates"]
    if "basis" in candidates.arrays:  # whose rows are those vectors
        return Pixels(scramble(coordinates.std(axis=0), len(coordinates), seed), candidates["basis"], model)
    return scrambled_inputs(coordinates, model, seed)


def scrambled_inputs(inputs: np.ndarray, model: Deployed, seed: int) -> Pixels:
    """The same for network inputs (N, D)."""
    pieces = [model.directions[piece] for piece in blocks(len(model.directions), PIECE)]
    spread = np.concatenate([(inputs @ piece.T).std(axis=0) for piece in pieces])
    return Pixels(scramble(spread, len(inputs), seed), model.directions, model)


def scramble(spread: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Gaussian candidates (count, r) with the given spread (r,) along each direction of the search space.

    What such an answer scores, a reconstruction must beat: both lie in the span of the training images, as
    held-out images do not.
    """
    drawn = np.random.default_rng(seed).standard_normal((count, len(spread)), dtype=np.float32)
    drawn *= spread
    return drawn
