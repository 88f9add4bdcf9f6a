"""Matching candidates with images: NCC, the published matching with SSIM, and one-to-one assignment.

Candidates live in mean-subtracted space, so images are compared there. NCC of two images is the Pearson
correlation over all pixels and channels together; an image without variation scores 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import kornia
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import interpolate

from ..machine.blocks import blocks
from .capacity import BLOCK
from .pixels import Pixels
from .showing import OTHER_RULES, PUBLISHED_RULE, RULES, Showing

SSIM_WINDOWS = (3, 11)

Vectors = Tensor | Pixels  # (N, D)


@dataclass(frozen=True)
class Nearest:
    """For each of n images, its nearest candidate: index (n,) and score (n,); or several, (n, k), best first."""

    index: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Reconstructions:
    """For each of n images: the reconstruction (n, C, H, W) in [0, 1], stretched as published, its SSIM (n,) by window
    and L2 distance (n,); by_rule: SSIM of window 3 by every rule of showing."""

    images: np.ndarray
    ssim: dict[int, np.ndarray]
    l2: np.ndarray
    by_rule: dict[str, np.ndarray]


def standardise(vectors: Tensor) -> Tensor:
    """Vectors (..., D) centred and scaled to unit norm; a constant vector becomes 0."""
    centred = vectors - vectors.mean(-1, keepdim=True)
    norms = centred.norm(dim=-1, keepdim=True)
    negligible = 1e-6 * vectors.norm(dim=-1, keepdim=True)
    return torch.where(norms > negligible, centred / norms, torch.zeros_like(centred))


def nearest_by_ncc(images: Vectors, candidates: Vectors) -> Nearest:
    """images: (n, D), candidates: (N, D), both mean-subtracted. Blocked, so memory is O(BLOCK (D + BLOCK))."""
    return nearest(images, candidates, standardise)


def nearest_by_channel(images: Vectors, candidates: Vectors, shape: tuple[int, int, int]) -> Nearest:
    """The published matching: NCC per channel, colour images at half size (authors' code, evaluations.py)."""

    def features(vectors: Tensor) -> Tensor:
        planes = vectors.view(-1, *shape)
        if shape[0] == 3:
            planes = interpolate(planes, scale_factor=0.5, mode="bicubic")
        return standardise(planes.flatten(2)).flatten(1) / math.sqrt(shape[0])

    return nearest(images, candidates, features)


def nearest(
    images: Vectors,
    candidates: Vectors,
    features: Callable[[Tensor], Tensor],
    apart: tuple[np.ndarray, np.ndarray] | None = None,
) -> Nearest:
    """By the products of what the features make of both; apart: labels (n,) and (N,), of which equal ones never match.
    The score of an image that nothing matches is -inf."""
    best, index = torch.full((len(images),), -math.inf), torch.zeros(len(images), dtype=torch.int64)
    for some in blocks(len(images), BLOCK):
        for block, scores in _scores(features(images[some]), candidates, features):
            if apart:
                scores[torch.from_numpy(apart[0][some][:, None] == apart[1][block])] = -math.inf
            score, found = (part.cpu() for part in scores.max(1))
            better = score > best[some]
            best[some] = torch.where(better, score, best[some])
            index[some] = torch.where(better, found + block.start, index[some])
    return Nearest(index.numpy(), best.numpy())


def _scores(
    image_features: Tensor, candidates: Vectors, features: Callable[[Tensor], Tensor]
) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of candidates, and the scores (n, at most BLOCK) of n images with them."""
    for block in blocks(len(candidates), BLOCK):
        yield block, image_features @ features(candidates[block]).T


def several_by_ncc(images: Tensor, candidates: Vectors, count: int) -> Nearest:
    """The candidates nearest to each of n images, so many or, where they are fewer, all."""
    features = standardise(images)
    best, index = torch.empty(len(features), 0), torch.empty(len(features), 0, dtype=torch.int64)
    for block, scores in _scores(features, candidates, standardise):
        numbers = torch.arange(block.start, block.stop).expand(len(features), -1)
        best, place = torch.cat([best, scores], 1).topk(min(count, block.stop))
        index = torch.cat([index, numbers], 1).gather(1, place)
    return Nearest(index.numpy(), best.numpy())


def by_restart(restart: np.ndarray) -> list[np.ndarray]:
    """Which candidates each restart has, of candidates of the given restarts (N,)."""
    order = np.argsort(restart, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(restart[order])) + 1)


def nearest_of_each(images: Tensor, candidates: Pixels, own: Sequence[np.ndarray]) -> Nearest:
    """The candidate nearest to each of n images among each of R restarts' own: index and score (R, n)."""
    found = [nearest_by_ncc(images, candidates[chosen]) for chosen in own]
    return Nearest(
        np.stack([chosen[one.index] for chosen, one in zip(own, found, strict=True)]),
        np.stack([one.score for one in found]),
    )


def assign_one_to_one(images: Tensor, candidates: Vectors) -> Nearest:
    """The assignment of distinct candidates to n images with the largest sum of NCC.

    The n nearest candidates of each image suffice: the others take n - 1 of them at most. An image left over, where
    candidates are fewer, has index -1 and score -1.
    """
    count = len(images)
    near = several_by_ncc(images, candidates, count)
    some, column = np.unique(near.index, return_inverse=True)
    scores_of_some = np.full((count, len(some)), -2.0)  # below every NCC
    np.put_along_axis(scores_of_some, column.reshape(near.index.shape), near.score, 1)
    rows, columns = linear_sum_assignment(scores_of_some, maximize=True)
    index = np.full(count, -1)
    score = np.full(count, -1.0)
    index[rows], score[rows] = some[columns], scores_of_some[rows, columns]
    return Nearest(index, score)


def published(
    images: np.ndarray, inputs: Tensor, showing: Showing, candidates: Pixels
) -> tuple[np.ndarray, Reconstructions]:
    """Which of the candidates (N, D) are nearest to images (n, C, H, W), as mean-subtracted pixels the inputs (n, D),
    and how they compare; vectors, which have no channels and no SSIM, by their cosine alone."""
    shape = showing.mean.shape
    if len(shape) == 1:
        return nearest_by_ncc(inputs, candidates).index, without_pictures(len(images))
    index = nearest_by_channel(inputs, candidates, shape).index
    return index, reconstructions(images, showing, candidates[index].view(-1, *shape).numpy())


def without_pictures(count: int) -> Reconstructions:
    """Of vectors, which have no reconstruction in pixels."""
    nothing = np.full(count, np.nan)
    pictures = np.empty((count, 0, 0, 0), np.float32)
    return Reconstructions(pictures, dict.fromkeys(SSIM_WINDOWS, nothing), nothing, dict.fromkeys(RULES, nothing))


def reconstructions(images: np.ndarray, showing: Showing, candidates: np.ndarray) -> Reconstructions:
    """Compare images (n, C, H, W) in [0, 1] with one mean-subtracted candidate each, which alone is changed."""
    photographs = torch.from_numpy(images)

    def ssim(shown: np.ndarray, window: int) -> np.ndarray:
        found = kornia.metrics.ssim(photographs, torch.from_numpy(shown), window, max_val=1.0)
        return found.mean((1, 2, 3)).numpy()

    stretched = showing.by(PUBLISHED_RULE, candidates)
    of_window = {window: ssim(stretched, window) for window in SSIM_WINDOWS}
    others = {rule: ssim(showing.by(rule, candidates), SSIM_WINDOWS[0]) for rule in OTHER_RULES}
    l2 = np.linalg.norm((images - stretched).reshape(len(images), -1), axis=1)
    return Reconstructions(stretched, of_window, l2, {PUBLISHED_RULE: of_window[SSIM_WINDOWS[0]], **others})
