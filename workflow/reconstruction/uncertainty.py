"""How sure the table's numbers are, and whether more restarts would pay: the bootstrap over images and over restarts.

Percentile intervals of 95 % (Efron 1979). Over images, training and held-out images are drawn anew, each with its
scores, and the thresholds with them; over restarts, restarts are. What the draws leave aside, such as another network,
is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .configuration import Evaluation
from .scores import OF_RESTARTS, ByRestart, Row, Scores, held_out_hits, hits, summarise

DRAWS = 500
LOW, HIGH = 2.5, 97.5  # per cent
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
    count, held_out = len(scores.training.ncc), len(scores.held_out.ncc)
    value = summarise(scores, settings)
    over_images = _ends(
        lambda: scores.images(generator.integers(count, size=count), generator.integers(held_out, size=held_out)),
        settings,
    )
    over_restarts = _ends(
        lambda: restarts.only(generator.integers(len(restarts), size=len(restarts)), scores), settings
    )
    return {
        name: {
            "value": value[name],
            "images_low": over_images[name][0],
            "images_high": over_images[name][1],
            **(
                {"restarts_low": over_restarts[name][0], "restarts_high": over_restarts[name][1]}
                if name in OF_RESTARTS
                else {}
            ),
        }
        for name in value
    }


def _ends(draw: Callable[[], Scores], settings: Evaluation) -> dict[str, tuple[float, float]]:
    rows = [summarise(draw(), settings) for _ in range(DRAWS)]
    return {
        name: tuple(np.percentile(np.array([row[name] for row in rows], float), (LOW, HIGH)).tolist())
        for name in rows[0]
    }


def growth(scores: Scores, restarts: ByRestart, settings: Evaluation) -> Growth:
    """What 1, 2, ... of the restarts score together, over random choices of them."""
    generator, rate = np.random.default_rng(settings.seed), settings.false_positive_rate
    counts = np.unique(np.geomspace(1, len(restarts), GROWTH_POINTS).round().astype(int))

    def draw(count: int) -> tuple[float, float]:
        chosen = restarts.only(generator.permutation(len(restarts))[:count], scores)
        return hits(chosen, rate), held_out_hits(chosen, rate)

    found = np.array([[draw(count) for _ in range(GROWTH_DRAWS)] for count in counts])
    return Growth(counts, *np.percentile(found, (50, LOW, HIGH), axis=1).transpose(2, 1, 0))
