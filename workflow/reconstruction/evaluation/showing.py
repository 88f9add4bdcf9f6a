"""How a candidate is shown as a picture in [0, 1]. Its contrast is not determined well, so there are three rules:

stretch        each scaled from its own smallest and largest pixel, as the paper's code does
clamp          as it is, cut off where the range ends
one-contrast   scaled about the mean image to one norm for all, then cut off

That norm is a share of the one that images have which are not sought: of a public pool, or without one the held-out
images. Either is one number for training images, held-out ones and all controls, and favours none of them; the
candidates' own norm, which stands in where there are no images at all, would be another for each control.

Vectors are no pictures, and have none of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..configuration import Evaluation
from ..files import store

PUBLISHED_RULE, *OTHER_RULES = RULES = ("stretch", "clamp", "one-contrast")
NO_RULE = ""  # of vectors
CONTRAST = 0.6  # of the norm that images not sought have about the mean image
FLAT = 0.2  # share of the mean image's pixels at an end of the range, from which the background is one
END = 0.01


def stretch(images: np.ndarray) -> np.ndarray:
    """Each image (n, C, H, W) scaled from its own smallest and largest pixel to [0, 1]; a constant one becomes 0."""
    low = images.min((1, 2, 3), keepdims=True)
    span = images.max((1, 2, 3), keepdims=True) - low
    return ((images - low) / np.where(span > 0, span, 1)).astype(np.float32)


@dataclass(frozen=True)
class Showing:
    """mean: the mean image (C, H, W), or vector (D,); norm: of all candidates about it by one-contrast."""

    mean: np.ndarray
    norm: float

    def by(self, rule: str, candidates: np.ndarray) -> np.ndarray:
        """Mean-subtracted candidates (n, C, H, W) as pictures."""
        if rule == "stretch":
            return stretch(candidates + self.mean)
        if rule == "one-contrast":
            norms = np.linalg.norm(candidates.reshape(len(candidates), -1), axis=1)
            candidates = candidates * (self.norm / np.where(norms > 0, norms, 1)).reshape(-1, 1, 1, 1)
        return np.clip(candidates + self.mean, 0, 1).astype(np.float32)

    @classmethod
    def of(cls, subset: store.Stored, mean: np.ndarray) -> Showing:
        """By a subset's public images or, where it has none, its held-out ones."""
        return cls.among(subset["public/images" if "public/images" in subset.arrays else "held_out/images"], mean)

    @classmethod
    def among(cls, images: np.ndarray, mean: np.ndarray) -> Showing:
        """By images (n, C, H, W) in [0, 1] that are not what is sought."""
        return cls(mean, CONTRAST * float(np.linalg.norm((images - mean).reshape(len(images), -1), axis=1).mean()))

    @classmethod
    def without_images(cls, norms: np.ndarray, mean: np.ndarray) -> Showing:
        """By the candidates' own norms (N,) about the mean image."""
        return cls(mean, float(np.median(norms)))


def rule_for(mean: np.ndarray, method: str, settings: Evaluation | None = None) -> str:
    """The rule of the settings, or the one that serves candidates of such a method best: clamp where their contrast is
    that of the image, as the exact attack's, or where much of the mean image is black or white, as of digits."""
    if mean.ndim == 1:
        return NO_RULE
    if settings is not None and settings.showing != "auto":
        return settings.showing
    flat = ((mean < END) | (mean > 1 - END)).mean()
    return "clamp" if method == "exact" or flat > FLAT else "one-contrast"


def ssim_name(rule: str) -> str:
    """What evaluation.h5 calls the SSIM (window 3) by a rule; of vectors, which have none, nan."""
    return "ssim3" if rule in (PUBLISHED_RULE, NO_RULE) else f"ssim3_{rule.replace('-', '_')}"


def best45_name(rule: str, part: str = "") -> str:
    """What the table calls the average of the 45 best; part: held_out_, or nothing of the training images."""
    return f"ssim_{part}best45" if rule == PUBLISHED_RULE else f"ssim_{part}{rule.replace('-', '_')}_best45"
