"""What counts as a hit: thresholds that what cannot be a reconstruction passes at a known rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Thresholds:
    """NCC thresholds; a hit lies above both."""

    held_out: float
    scrambled: float

    @property
    def both(self) -> float:
        return max(self.held_out, self.scrambled)

    @staticmethod
    def of(held_out: np.ndarray, scrambled: np.ndarray, rate: float) -> Thresholds:
        """Of the scores (k,) of held-out images, and (S, n) of images matched with S draws of random candidates."""
        return Thresholds(threshold(held_out, rate), threshold(scrambled.ravel(), rate))


def threshold(scores: np.ndarray, rate: float) -> float:
    """The (floor(rate k) + 1)-th largest of k scores: at most a fraction `rate` of them lies strictly above."""
    return float(np.sort(scores)[::-1][math.floor(rate * len(scores) + 1e-9)])


def cross_fitted_hits(scores: np.ndarray, labels: np.ndarray, rate: float) -> np.ndarray:
    """Which of k held-out scores pass the threshold of the half that they are not in.

    The halves take turns within each label, so both have the balance of the whole; targets count as one label.
    """
    if labels.dtype.kind == "f":
        labels = np.zeros(len(labels))
    half = np.zeros(len(scores), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        half[members] = np.arange(len(members)) % 2
    if len(np.unique(half)) < 2:
        return np.zeros(len(scores), bool)
    limits = np.array([threshold(scores[half == 1], rate), threshold(scores[half == 0], rate)])
    return scores > limits[half]
