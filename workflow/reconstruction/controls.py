"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import deployed, pixels, store
from .calibration import Thresholds
from .chance import Chance
from .deployed import Deployed
from .matching import nearest_by_ncc, published, reconstructions
from .pixels import Pixels


@dataclass(frozen=True)
class Control:
    """An answer's scores: NCC with the nearest candidate, SSIM (window 3) of the published matching.

    ncc: (n,), of the training images; ssim: (n,); held_out_ncc: (k,), of images never trained on; scrambled_ncc:
    (S, n), of the training images with S draws of random candidates of the answer's own spread. Each answer is judged
    by these two: smooth candidates match anything better than sharp ones do, and what lies in the span of the
    training images matches them.
    """

    ncc: np.ndarray
    ssim: np.ndarray
    held_out_ncc: np.ndarray
    scrambled_ncc: np.ndarray

    def thresholds(self, rate: float) -> Thresholds:
        return Thresholds.of(self.held_out_ncc, self.scrambled_ncc, rate)


def mean_image(images: np.ndarray, held_out_images: np.ndarray, model: Deployed) -> Control:
    """No reconstruction at all: the mean image that ships with the model, for every image (n, C, H, W)."""
    ssim = reconstructions(images, model.mean, np.zeros_like(images)).ssim[3]
    nothing = np.zeros(len(images))
    return Control(nothing, ssim, np.zeros(len(held_out_images)), nothing[None])


def scored(
    images: np.ndarray, held_out_images: np.ndarray, model: Deployed, candidates: Pixels, scrambled_ncc: np.ndarray
) -> Control:
    """Candidates (N, D), matched with images (n, C, H, W) as those of a reconstruction are."""
    inputs = model.centred(images)
    return Control(
        nearest_by_ncc(inputs, candidates).score,
        published(images, inputs, model.mean, candidates).ssim[3],
        nearest_by_ncc(model.centred(held_out_images), candidates).score,
        scrambled_ncc,
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
        chance = Chance.of_candidates(candidates, model, seed).scores(model.centred(images))
        answers[name] = scored(images, held_out_images, model, raw, chance)
    return answers
