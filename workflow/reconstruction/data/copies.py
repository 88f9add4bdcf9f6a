"""Which images are copies of others: the same picture, perhaps saved, brightened or scaled anew."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from ..machine.blocks import blocks

SURE, LIKELY = 0.99, 0.95  # NCC of all pixels; docs/own-data.md says what they find
APART = 4  # times as far must the second nearest image be as the nearest, where that is a likely copy
SAME = 0.01  # of a vector's norm, once standardised, may it differ from its copy
NUMBERS = 2**24  # of scores, or pixels, at once


def copies(images: np.ndarray, originals: np.ndarray, themselves: bool = False) -> np.ndarray:
    """The original (n,) that each of n images (n, C, H, W), or vectors (n, D), is a copy of, or -1.

    An image of one value is a copy of none, as it matches nothing either. themselves: both are the same images, of
    which none is its own copy.
    """
    if images.ndim == 2:
        return _same_vectors(images, originals, themselves)
    known = _standardised(originals)
    found = np.full(len(images), -1)
    for some in blocks(len(images), max(1, NUMBERS // max(known.shape))):
        scores = _standardised(images[some]) @ known.T
        rows = np.arange(len(scores))
        if themselves:
            scores[rows, rows + some.start] = -1
        nearest = scores.argmax(1)
        best = scores[rows, nearest]
        scores[rows, nearest] = -1
        stands_out = APART * (1 - best) < 1 - scores.max(1)
        found[some] = np.where((best > SURE) | (best > LIKELY) & stands_out, nearest, -1)
    return found


def _same_vectors(vectors: np.ndarray, originals: np.ndarray, themselves: bool) -> np.ndarray:
    """By distance, where each coordinate is standardised by its mean and spread over the originals."""
    std = originals.std(0, dtype=np.float64)
    mean, std = originals.mean(0, dtype=np.float64), np.where(std > 0, std, 1)
    tree = KDTree((originals - mean) / std)
    standardised = (vectors - mean) / std
    distances, nearest = map(np.asarray, tree.query(standardised, k=[2 if themselves else 1]))
    near = distances[:, 0] <= SAME * np.linalg.norm(standardised, axis=1)
    return np.where(near, nearest[:, 0], -1)


def _standardised(images: np.ndarray) -> np.ndarray:
    """Images as vectors (n, D) of mean 0 and unit norm; one of one value becomes 0."""
    vectors = images.reshape(len(images), -1)
    centred = vectors - vectors.mean(1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    negligible = norms <= 1e-6 * np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(negligible, 0, centred / np.where(negligible, 1, norms))
