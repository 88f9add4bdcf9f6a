"""Matching candidates with images: NCC, the published matching with SSIM, and one-to-one assignment.

Candidates live in mean-subtracted space, so images are compared there. NCC of two images is the Pearson
correlation over all pixels and channels together; an image without variation scores 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import kornia
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import interpolate

BLOCK = 8192  # candidates compared at once
SSIM_WINDOWS = (3, 11)


@dataclass(frozen=True)
class Nearest:
    """For each of n images, its nearest candidate: index (n,) and score (n,)."""

    index: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Reconstructions:
    """For each of n images: the reconstruction (n, C, H, W) in [0, 1], SSIM (n,) by window, L2 distance (n,)."""

    images: np.ndarray
    ssim: dict[int, np.ndarray]
    l2: np.ndarray


def standardise(vectors: Tensor) -> Tensor:
    """Vectors (..., D) centred and scaled to unit norm; a constant vector becomes 0."""
    centred = vectors - vectors.mean(-1, keepdim=True)
    norms = centred.norm(dim=-1, keepdim=True)
    negligible = 1e-6 * vectors.norm(dim=-1, keepdim=True)
    return torch.where(norms > negligible, centred / norms, torch.zeros_like(centred))


def nearest_by_ncc(images: Tensor, candidates: Tensor) -> Nearest:
    """images: (n, D), candidates: (N, D), both mean-subtracted. Blocked, so memory is O((n + BLOCK) D + n BLOCK)."""
    return _nearest(standardise(images), candidates, standardise)


def nearest_by_channel(images: Tensor, candidates: Tensor, shape: tuple[int, int, int]) -> Nearest:
    """The published matching: NCC per channel, colour images at half size (authors' code, evaluations.py)."""

    def features(vectors: Tensor) -> Tensor:
        planes = vectors.view(-1, *shape)
        if shape[0] == 3:
            planes = interpolate(planes, scale_factor=0.5, mode="bicubic")
        return standardise(planes.flatten(2)).flatten(1) / math.sqrt(shape[0])

    return _nearest(features(images), candidates, features)


def _nearest(image_features: Tensor, candidates: Tensor, features: Callable[[Tensor], Tensor]) -> Nearest:
    best = torch.full((len(image_features),), -math.inf)
    index = torch.zeros(len(image_features), dtype=torch.int64)
    for start in range(0, len(candidates), BLOCK):
        score, found = (image_features @ features(candidates[start : start + BLOCK]).T).max(1)
        better = score > best
        best = torch.where(better, score, best)
        index = torch.where(better, found + start, index)
    return Nearest(index.numpy(), best.numpy())


def assign_one_to_one(images: Tensor, candidates: Tensor) -> Nearest:
    """The assignment of distinct candidates to images with the largest sum of NCC.

    An image left over, where candidates are fewer, has index -1 and score -1.
    """
    scores = (standardise(images) @ standardise(candidates).T).numpy()
    rows, columns = linear_sum_assignment(scores, maximize=True)
    index = np.full(len(images), -1)
    score = np.full(len(images), -1.0)
    index[rows], score[rows] = columns, scores[rows, columns]
    return Nearest(index, score)


def reconstructions(images: np.ndarray, mean: np.ndarray, candidates: np.ndarray) -> Reconstructions:
    """Compare images (n, C, H, W) in [0, 1] with one mean-subtracted candidate each, as published.

    The mean image is added to the candidate, which is then stretched to [0, 1]; the image is left as it is.
    """
    shown = stretch(candidates + mean)
    photographs, rebuilt = torch.from_numpy(images), torch.from_numpy(shown)
    ssim = {
        window: kornia.metrics.ssim(photographs, rebuilt, window, max_val=1.0).mean((1, 2, 3)).numpy()
        for window in SSIM_WINDOWS
    }
    l2 = np.linalg.norm((images - shown).reshape(len(images), -1), axis=1)
    return Reconstructions(shown, ssim, l2)


def stretch(images: np.ndarray) -> np.ndarray:
    """Each image (n, C, H, W) scaled from its own smallest and largest pixel to [0, 1]; a constant one becomes 0."""
    low = images.min((1, 2, 3), keepdims=True)
    span = images.max((1, 2, 3), keepdims=True) - low
    return ((images - low) / np.where(span > 0, span, 1)).astype(np.float32)
