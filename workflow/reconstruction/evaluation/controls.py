"""Answers that reveal nothing, scored as a reconstruction is. Their scores are what an empty answer scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..configuration import Evaluation
from ..files import store
from ..models import deployed
from ..models.deployed import Deployed
from ..models.space import INPUTS
from . import baselines, pixels
from .chance import Chance, Shuffled
from .detail import excess
from .matching import nearest_by_ncc, published, reconstructions, without_pictures
from .pixels import Pixels
from .scores import Row, Scores, best, best_by_rule, over
from .showing import PUBLISHED_RULE, Showing
from .thresholds import Thresholds


@dataclass(frozen=True)
class Control:
    """An answer's scores: NCC with the nearest candidate, SSIM (window 3) of the published matching by rule of showing.

    ncc: (n,), of the training images; ssim: (n,) each; held_out_ncc: (k,), of images never trained on; scrambled_ncc:
    (S, n), of the training images with S draws of random candidates of the answer's own spread. Each answer is judged
    by these two: smooth candidates match anything better than sharp ones do, and what lies in the span of the
    training images matches them.
    """

    ncc: np.ndarray
    ssim: dict[str, np.ndarray]
    held_out_ncc: np.ndarray
    scrambled_ncc: np.ndarray

    def thresholds(self, rate: float) -> Thresholds:
        return Thresholds.of(self.held_out_ncc, self.scrambled_ncc, rate)


def mean_image(subset: store.Stored, model: Deployed) -> Control:
    """No reconstruction at all: the mean image that ships with the model, for every training image."""
    images = subset["training/images"]
    nothing_found = (
        without_pictures(len(images))
        if model.of_vectors
        else reconstructions(images, Showing.of(subset, model.mean), np.zeros_like(images))
    )
    nothing = np.zeros(len(images))
    return Control(nothing, nothing_found.by_rule, np.zeros(len(subset["held_out/images"])), nothing[None])


def scored(subset: store.Stored, model: Deployed, candidates: Pixels, scrambled_ncc: np.ndarray) -> Control:
    """Candidates (N, D), matched with a subset's images as those of a reconstruction are."""
    images = subset["training/images"]
    inputs = model.centred(images)
    return Control(
        nearest_by_ncc(inputs, candidates).score,
        published(images, inputs, Showing.of(subset, model.mean), candidates)[1].by_rule,
        nearest_by_ncc(model.centred(subset["held_out/images"]), candidates).score,
        scrambled_ncc,
    )


def without_search(
    subset: store.Stored, model: Deployed, chance: Chance, scrambled_ncc: np.ndarray, settings: Evaluation
) -> dict[str, Control]:
    """Answers by name that take no search; chance: of the reconstruction, which set its threshold by (S, n) scores."""
    images, seed = subset["training/images"], settings.seed
    inputs = model.centred(images)

    def judged(answer: Pixels, own: Chance) -> Control:
        return scored(subset, model, answer, own.scores(inputs, settings.false_positive_rate))

    mixtures = Chance.of_images(model.inputs(images), chance.count, model, seed)
    further = len(scrambled_ncc)  # the first draw that is behind no threshold
    return {
        "mean_image": mean_image(subset, model),
        "scrambled": scored(subset, model, chance.draw(further), scrambled_ncc),
        "random_mixtures": judged(mixtures.draw(further), mixtures),
        **{
            name: judged(Pixels(answer, INPUTS, model), Chance.of_inputs(answer, model, seed))
            for name, answer in baselines.inputs(model, seed).items()
        },
    }


def searched(
    paths: Sequence[tuple[str, Path, Path]],
    subset: store.Stored,
    settings: Evaluation,
    matched: Callable[[str], None],
) -> tuple[dict[str, Control], dict[str, np.ndarray]]:
    """Control searches by name, of names, model.h5 and candidates.h5, and by how much the training images (n,) exceed
    chance with their candidates; matched: told of each; raises UserError."""
    answers, exceeding = {}, {}
    for name, model_path, candidates_path in paths:
        model = deployed.read(model_path)
        candidates = store.read(candidates_path, "candidates")
        store.require_source(candidates, "model", model.stored)
        raw = pixels.of(candidates, "candidates/coordinates", model)
        chance = Chance.of_candidates(candidates, model, settings.seed)
        inputs = model.centred(subset["training/images"])
        scrambled_ncc = chance.scores(inputs, settings.false_positive_rate)
        answers[name] = scored(subset, model, raw, scrambled_ncc)
        shuffled = Shuffled.of_candidates(candidates, model, settings.seed)
        exceeding[name] = excess(inputs, inputs[:0], raw, chance, shuffled).training
        matched(f"control {name}")
    return answers, exceeding


def compare(scores: Scores, answers: dict[str, Control], settings: Evaluation) -> dict[str, Row]:
    """The reconstruction and answers that reveal nothing, each judged by its own two thresholds."""
    rate, trained, held_out = settings.false_positive_rate, scores.training, scores.held_out
    passed = scores.is_held_out_hit(rate)

    def row(ncc: np.ndarray, by_rule: dict[str, np.ndarray], hits: np.ndarray, over_held_out: np.ndarray) -> Row:
        ssim = by_rule[PUBLISHED_RULE]
        return {
            "images": len(ncc),
            "ncc_hits": int(hits.sum()),
            "ncc_hits_over_held_out": int(over_held_out.sum()),
            "ncc_median": float(np.median(ncc)),
            "ssim_hits": over(ssim, settings),
            "ssim_best10": best(ssim, 10),
            **best_by_rule(by_rule),
        }

    def of_training(answer: Control) -> Row:
        limits = answer.thresholds(rate)
        return row(answer.ncc, answer.ssim, answer.ncc > limits.both, answer.ncc > limits.held_out)

    return {
        "reconstruction": of_training(Control(trained.ncc, trained.by_rule, held_out.ncc, scores.scrambled)),
        "held_out": row(held_out.ncc, held_out.by_rule, passed, passed),
        **{name: of_training(answer) for name, answer in answers.items()},
    }
