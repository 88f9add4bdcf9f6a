"""Which training images came back, at a stated rate of false discoveries.

A null is a set of scores of what cannot have come back: of images never trained on, or of training images with
candidates that know nothing. By each null an image has a p-value, the share of the null's scores that reach its own
(conformal, Bates et al. 2023), and the largest counts. Benjamini and Hochberg's procedure (1995) then sets one
threshold: of the images above it the worst null explains a share of at most the rate.

Images are never compared with each other for a candidate: candidates lie in the span of the training images, so that
random ones are nearer to these than to held-out images, too.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

FALSE_DISCOVERY_RATE = 0.05
ROUNDING = 1e-9


@dataclass(frozen=True)
class Compared:
    """Scores of training images (n,) and of held-out ones (k,), and, by name, (S, n) of the training images with
    candidates that know nothing."""

    training: np.ndarray
    held_out: np.ndarray
    without_knowledge: Mapping[str, np.ndarray]

    def images(self, training: np.ndarray, held_out: np.ndarray) -> Compared:
        """Those of chosen training and held-out images."""
        nulls = {name: scores[:, training] for name, scores in self.without_knowledge.items()}
        return Compared(self.training[training], self.held_out[held_out], nulls)

    @property
    def nulls(self) -> list[np.ndarray]:
        return [self.held_out, *self.without_knowledge.values()]

    @property
    def fewest(self) -> int:
        """How many images must come back at least to be told from all nulls."""
        return fewest(len(self.training), self.nulls)

    @property
    def discovered(self) -> float:
        """How many training images are told from the worst null; nan where the nulls are too few to tell any number."""
        return self.claimed(self.training)

    def claimed(self, scores: np.ndarray) -> float:
        """The same of other scores (n,) of the training images, of which some may be nan; nan also where all are."""
        if self.fewest > len(self.training) or np.isnan(scores).all():
            return math.nan
        return int(is_discovery(np.nan_to_num(scores, nan=-math.inf), self.nulls).sum())

    @property
    def reached(self) -> dict[str, np.ndarray]:
        """Which training (n,) and held-out images (k,) score as high as a discovery."""
        limit = np.min(self.training, where=is_discovery(self.training, self.nulls), initial=math.inf)
        return {"training": self.training >= limit, "held_out": self.held_out >= limit}


def p_values(scores: np.ndarray, nulls: Collection[np.ndarray]) -> np.ndarray:
    """Of scores (n,), by the worst of the nulls, which are scores of any shape."""
    return np.max([(1 + reached(null.ravel(), scores)) / (1 + null.size) for null in nulls], axis=0)


def reached(null: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many scores of a null (k,) reach each of the scores (n,)."""
    return len(null) - np.searchsorted(np.sort(null), scores, side="left")


def is_discovery(scores: np.ndarray, nulls: Collection[np.ndarray], rate: float = FALSE_DISCOVERY_RATE) -> np.ndarray:
    """Which of the scores (n,) are told from the nulls."""
    return false_discovery_control(p_values(scores, nulls)) <= rate + ROUNDING


def fewest(images: int, nulls: Collection[np.ndarray], rate: float = FALSE_DISCOVERY_RATE) -> int:
    """How many images at least must pass all scores of the nulls to be discoveries; more than there are where these
    are too few."""
    return math.ceil(images / (rate * (1 + min(null.size for null in nulls))) - ROUNDING)
