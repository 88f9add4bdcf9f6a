"""An experiment's scores, and the counts and averages of the table that they make.

Whatever resamples scores, images or restarts, gets every quantity with them: there is one definition of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..configuration import Evaluation
from .discoveries import Compared
from .showing import RULES, best45_name, ssim_name
from .thresholds import Thresholds, cross_fitted_hits

Row = dict[str, str | int | float]
RECOGNISABLE, EXACT = 0.9, 0.99  # NCC
RARE = 0.001  # false positives of the strict thresholds


@dataclass(frozen=True)
class PartScores:
    """Scores (n,) of the images of a part.

    expected: the NCC that the same attack reaches on networks trained without the image, nan where there are none.
    """

    labels: np.ndarray
    ncc: np.ndarray
    expected: np.ndarray
    one_to_one: np.ndarray
    ssim3: np.ndarray
    ssim3_clamp: np.ndarray
    ssim3_one_contrast: np.ndarray
    ssim11: np.ndarray
    l2: np.ndarray

    def images(self, chosen: np.ndarray) -> PartScores:
        return PartScores(**{name: scores[chosen] for name, scores in vars(self).items()})

    @property
    def by_rule(self) -> dict[str, np.ndarray]:
        """SSIM (window 3) by rule of showing."""
        return {rule: vars(self)[ssim_name(rule)] for rule in RULES}


@dataclass(frozen=True)
class Scores:
    """mean_image: (n,), SSIM of no reconstruction at all; scrambled: (S, n), NCC with S draws of random candidates.

    plain, excess: by NCC, and by how much it exceeds chance in detail, what the images score and what their nulls do.
    other_labels: (n,), by how much the training images exceed it with the candidates of other labels, or nan.
    """

    training: PartScores
    held_out: PartScores
    mean_image: np.ndarray
    scrambled: np.ndarray
    plain: Compared
    excess: Compared
    other_labels: np.ndarray

    def images(self, training: np.ndarray, held_out: np.ndarray) -> Scores:
        """Scores of chosen training and held-out images."""
        return Scores(
            self.training.images(training), self.held_out.images(held_out), self.mean_image[training],
            self.scrambled[:, training], self.plain.images(training, held_out), self.excess.images(training, held_out),
            self.other_labels[training],
        )  # fmt: skip

    def beyond_expected(self) -> Scores:
        """The same with each image's NCC, and its scrambled one, less what is expected of that image."""
        training, held_out = (replace(part, ncc=part.ncc - part.expected) for part in (self.training, self.held_out))
        return replace(self, training=training, held_out=held_out, scrambled=self.scrambled - training.expected)

    def thresholds(self, rate: float) -> Thresholds:
        return Thresholds.of(self.held_out.ncc, self.scrambled, rate)

    def is_hit(self, rate: float) -> np.ndarray:
        """Which training images (n,) lie above both thresholds."""
        return self.training.ncc > self.thresholds(rate).both

    def is_held_out_hit(self, rate: float) -> np.ndarray:
        """Which held-out images (k,) lie above the threshold of the half that they are not in."""
        return cross_fitted_hits(self.held_out.ncc, self.held_out.labels, rate)


@dataclass(frozen=True)
class ByRestart:
    """NCC with each restart's own nearest candidate, and that of random ones: (R, n), (R, k) and (R, S, n)."""

    training: np.ndarray
    held_out: np.ndarray
    scrambled: np.ndarray

    def __len__(self) -> int:
        return len(self.training)

    def only(self, chosen: np.ndarray, scores: Scores) -> Scores:
        """What those restarts would score alone; merged representatives and SSIM stay those of all."""
        return replace(
            scores,
            training=replace(scores.training, ncc=self.training[chosen].max(0)),
            held_out=replace(scores.held_out, ncc=self.held_out[chosen].max(0)),
            scrambled=self.scrambled[chosen].max(0),
        )


def summarise(scores: Scores, settings: Evaluation) -> Row:
    """The counts and averages of the table; best-k averages over min(k, n)."""
    training, held_out, rate = scores.training, scores.held_out, settings.false_positive_rate
    limits = scores.thresholds(rate)
    calibrated = scores.beyond_expected()
    return {
        "reconstructed_images": scores.excess.discovered,
        "reconstructed_with_other_labels": scores.excess.claimed(scores.other_labels),
        "reconstructed_by_ncc": scores.plain.discovered,
        "ncc_threshold_held_out": limits.held_out,
        "ncc_threshold_scrambled": limits.scrambled,
        "ncc_threshold": limits.both,
        "ncc_hits": hits(scores, rate),
        "ncc_hits_over_held_out": int((training.ncc > limits.held_out).sum()),
        "ncc_hits_strict": strict_hits(scores),
        "ncc_held_out_hits": held_out_hits(scores, rate),
        "calibrated_hits": hits(calibrated, rate),
        "calibrated_hits_strict": strict_hits(calibrated),
        "calibrated_held_out_hits": held_out_hits(calibrated, rate),
        "one_to_one_hits": int((training.one_to_one > limits.both).sum()),
        "one_to_one_held_out_hits": int((held_out.one_to_one > limits.both).sum()),
        "ncc_median": float(np.median(training.ncc)),
        "ncc_held_out_median": float(np.median(held_out.ncc)),
        "recognisable_images": int((training.ncc > RECOGNISABLE).sum()),
        "exact_images": int((training.ncc > EXACT).sum()),
        "recognisable_held_out_images": int((held_out.ncc > RECOGNISABLE).sum()),
        "ssim_hits": over(training.ssim3, settings),
        "ssim_held_out_hits": over(held_out.ssim3, settings),
        "ssim_mean_image_hits": over(scores.mean_image, settings),
        "ssim_best10": best(training.ssim3, 10),
        **best_by_rule(training.by_rule),
        **best_by_rule(held_out.by_rule, "held_out_", len(training.ncc)),
        "ssim_mean": float(training.ssim3.mean()),
        "ssim11_hits": over(training.ssim11, settings),
        "ssim11_best45": best(training.ssim11, 45),
        "l2_median": float(np.median(training.l2)),
    }


def hits(scores: Scores, rate: float) -> float:
    """How many training images are hits; nan where no network tells what is expected."""
    return _count(scores.is_hit(rate), scores.training)


def held_out_hits(scores: Scores, rate: float) -> float:
    """How many held-out images are; nan likewise."""
    return _count(scores.is_held_out_hit(rate), scores.held_out)


def _count(passed: np.ndarray, part: PartScores) -> float:
    return math.nan if np.isnan(part.ncc).any() else int(passed.sum())


def strict_hits(scores: Scores) -> float:
    """Hits at one false positive in a thousand; nan where the held-out images are too few to tell, or as above."""
    return hits(scores, RARE) if tells_rare(len(scores.held_out.ncc)) else math.nan


def tells_rare(held_out: int) -> bool:
    """Whether one in a thousand of as many held-out images is one of them."""
    return held_out * RARE >= 1


def over(ssim: np.ndarray, settings: Evaluation) -> float:
    """How many are above the published mark; nan of vectors, which have no SSIM."""
    return math.nan if np.isnan(ssim).any() else int((ssim > settings.ssim_threshold).sum())


def best(scores: np.ndarray, count: int) -> float:
    """The average of the `count` best scores, of all where there are fewer."""
    return float(np.sort(scores)[::-1][:count].mean())


def best_by_rule(ssim: Mapping[str, np.ndarray], part: str = "", among: int | None = None) -> Row:
    """The average SSIM of the 45 best by each rule of showing; among: of as large a share as they are of so many."""
    images = len(next(iter(ssim.values())))
    count = max(1, round(45 * images / among)) if among else 45
    return {best45_name(rule, part): best(values, count) for rule, values in ssim.items()}


def precision(representatives: np.ndarray, limit: float, count: int) -> float:
    """The share of the `count` representatives ranked first whose NCC (C,) with an image is above the limit, or nan."""
    return float((representatives[:count] > limit).mean()) if count else math.nan


def best_first(scores: np.ndarray) -> np.ndarray:
    """The order of the images by their scores (n,)."""
    return np.argsort(-scores, kind="stable")
