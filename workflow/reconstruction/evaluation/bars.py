"""Vectors as small pictures: a bar up or down for each coordinate."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 128, 33  # pixels at most, and throughout; the middle row is zero
PAPER, INK = 1.0, 0.25


def bars(vectors: np.ndarray) -> np.ndarray:
    """Pictures (k, 1, HEIGHT, w) in [0, 1] of vectors (k, D), each scaled to its own largest coordinate.

    Of more coordinates than WIDTH as many are drawn, at equal distances.
    """
    size = vectors.shape[1]
    drawn = vectors[:, np.linspace(0, size - 1, min(size, WIDTH)).round().astype(int)]
    largest = np.abs(drawn).max(1, keepdims=True)
    half = HEIGHT // 2
    lengths = np.rint(half * drawn / np.where(largest > 0, largest, 1)).astype(int)[:, None, :]
    heights = half - np.arange(HEIGHT)[:, None]
    inked = (heights == 0) | ((np.sign(heights) == np.sign(lengths)) & (np.abs(heights) <= np.abs(lengths)))
    return np.where(inked, INK, PAPER).astype(np.float32)[:, None]
