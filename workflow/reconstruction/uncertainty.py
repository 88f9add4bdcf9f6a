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
from .scores import OF_RESTARTS, Row, Scores, summarise

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


def intervals(scores: Scores, settings: Evaluation) -> dict[str, Row]:
    """For each quantity of `summarise` its value and the ends of its intervals over images and over restarts."""
    generator = np.random.default_rng(settings.seed)
    count, held_out = len(scores.training.ncc), len(scores.held_out.ncc)
    restarts = len(scores.scrambled)
    value = summarise(scores, settings)
    over_images = _ends(
        lambda: scores.images(generator.integers(count, size=count), generator.integers(held_out, size=held_out)),
        settings,
    )
    over_restarts = _ends(lambda: scores.restarts(generator.integers(restarts, size=restarts)), settings)
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


def growth(scores: Scores, settings: Evaluation) -> Growth:
    """What 1, 2, ... of the restarts score together, over random choices of them."""
    generator = np.random.default_rng(settings.seed)
    restarts = len(scores.scrambled)
    counts = np.unique(np.geomspace(1, restarts, GROWTH_POINTS).round().astype(int))
    found = np.array([
        [_hits(scores.restarts(generator.permutation(restarts)[:count]), settings) for _ in range(GROWTH_DRAWS)]
        for count in counts
    ])  # fmt: skip
    hits, held_out_hits = np.percentile(found, (50, LOW, HIGH), axis=1).transpose(2, 1, 0)
    return Growth(counts, hits, held_out_hits)


def _hits(scores: Scores, settings: Evaluation) -> tuple[float, float]:
    row = summarise(scores, settings)
    return float(row["ncc_hits"]), float(row["ncc_held_out_hits"])
