"""How sure the table's numbers are, and whether more restarts would pay.

Intervals of 95 %. Over images by the percentile bootstrap (Efron 1979): training and held-out images are drawn anew,
each with its scores, and the thresholds with them. A threshold that is the largest of its scores is never exceeded, so
with fewer than 1 / rate held-out images its interval lies below it. Over restarts by the delete-half jackknife (Shao
and Wu 1989): what random halves score spreads about its median as what all score does about theirs, which is another,
for more restarts find more. One restart has none. What the draws leave aside, such as another network, is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..configuration import Evaluation
from .quantities import OF_RESTARTS, QUANTITIES
from .scores import ByRestart, Row, Scores, held_out_hits, hits, summarise
from .separation import Estimate

DRAWS = 500
ENDS = (2.5, 97.5)  # per cent
IMAGES, RESTARTS = ("images_low", "images_high"), ("restarts_low", "restarts_high")
GROWTH_DRAWS = 50
GROWTH_POINTS = 20


@dataclass(frozen=True)
class Growth:
    """Hits against the number of restarts (P,): of hits and held-out hits the median and interval (P, 3)."""

    restarts: np.ndarray
    hits: np.ndarray
    held_out_hits: np.ndarray


def intervals(scores: Scores, restarts: ByRestart, settings: Evaluation) -> dict[str, Row]:
    """For each quantity of `summarise` its value and the ends of its intervals over images and over restarts."""
    generator = np.random.default_rng(settings.seed)
    trained, held_out = len(scores.training.ncc), len(scores.held_out.ncc)
    value = summarise(scores, settings)
    of_images = _draws(
        lambda: scores.images(generator.integers(trained, size=trained), generator.integers(held_out, size=held_out)),
        settings,
    )
    ends = {
        name: dict(zip(IMAGES, np.percentile(drawn, ENDS).tolist(), strict=True)) for name, drawn in of_images.items()
    }
    if half := len(restarts) // 2:
        chosen = _halves(len(restarts), generator)
        of_halves = _draws(lambda: restarts.only(next(chosen), scores), settings)
        scale = math.sqrt(half / (len(restarts) - half))
        for name in OF_RESTARTS:
            low, high = value[name] + scale * (np.percentile(of_halves[name], ENDS) - np.median(of_halves[name]))
            if count_of := QUANTITIES[name].count_of:
                low, high = np.clip((np.floor(low), np.ceil(high)), 0, {"n": trained, "n_held_out": held_out}[count_of])
            ends[name] |= zip(RESTARTS, (float(low), float(high)), strict=True)
    return {name: {"value": value[name], **ends[name]} for name in value}


def of_images(estimate: Estimate) -> Row:
    """An estimate with its own interval over images."""
    return {"value": estimate.value, **dict(zip(IMAGES, (estimate.low, estimate.high), strict=True))}


def _halves(count: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Random halves of as many restarts, each followed by what it leaves."""
    while True:
        order = generator.permutation(count)
        yield order[: count // 2]
        yield order[-(count // 2) :]


def _draws(draw: Callable[[], Scores], settings: Evaluation) -> dict[str, np.ndarray]:
    """Every quantity of as many draws (DRAWS,)."""
    rows = [summarise(draw(), settings) for _ in range(DRAWS)]
    return {name: np.array([row[name] for row in rows], float) for name in rows[0]}


def growth(scores: Scores, restarts: ByRestart, settings: Evaluation) -> Growth:
    """What 1, 2, ... of the restarts score together, over random choices of them."""
    generator, rate = np.random.default_rng(settings.seed), settings.false_positive_rate
    sizes = np.unique(np.geomspace(1, len(restarts), GROWTH_POINTS).round().astype(int))

    def draw(size: int) -> tuple[float, float]:
        chosen = restarts.only(generator.permutation(len(restarts))[:size], scores)
        return hits(chosen, rate), held_out_hits(chosen, rate)

    found = np.array([[draw(size) for _ in range(GROWTH_DRAWS)] for size in sizes])
    return Growth(sizes, *np.percentile(found, (50, *ENDS), axis=1).transpose(2, 1, 0))
