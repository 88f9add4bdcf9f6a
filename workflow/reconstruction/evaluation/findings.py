"""How the candidates match every image: everything that the table and the controls are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..configuration import OTHER_IMAGES, Evaluation
from ..files import store
from ..models.deployed import Deployed
from . import controls, pixels
from .chance import Chance, Shuffled
from .controls import Control
from .detail import Excess, excess
from .discoveries import Compared
from .matching import (
    Nearest,
    Reconstructions,
    assign_one_to_one,
    by_restart,
    nearest_by_ncc,
    nearest_of_each,
    published,
)
from .pixels import Pixels
from .scores import RARE, ByRestart, PartScores, Scores, best_first, tells_rare
from .showing import OTHER_RULES, PUBLISHED_RULE, Showing, rule_for, ssim_name
from .thresholds import Thresholds

SHOWN = 1_000_000  # pixels of a part's pictures


@dataclass(frozen=True)
class Matched:
    """n images of the subset, and how the candidates match them."""

    images: np.ndarray  # (n, C, H, W) in [0, 1]
    labels: np.ndarray
    source_index: np.ndarray
    ncc: Nearest  # the nearest raw candidate; its score decides
    by_restart: np.ndarray  # (R, n), the NCC with each restart's own nearest candidate
    one_to_one: Nearest  # distinct representatives for distinct images
    published_index: np.ndarray  # (n,), the nearest raw candidate by the published matching
    published: Reconstructions  # by that, for SSIM and L2
    shown: dict[str, np.ndarray]  # (k, C, H, W) in [0, 1], the nearest raw candidates of the k best images, best first


@dataclass(frozen=True)
class Findings:
    trained: Matched
    held_out: Matched
    chance: np.ndarray  # (R, S, n), NCC of the training images with as many random candidates as each restart has
    scrambled_ncc: np.ndarray  # (S, n), with all of a draw
    shuffled_ncc: np.ndarray  # (S, n), with the candidates shuffled
    excess: Excess
    controls: dict[str, Control]  # answers that take no search
    thresholds: Thresholds
    rule: str  # that candidates are shown by
    showing: Showing
    representatives: Nearest  # each representative's nearest training image

    @property
    def restart_hits(self) -> np.ndarray:
        """How many training images each restart finds alone, of shape (R,)."""
        return (self.trained.by_restart > self.thresholds.both).sum(1)


def find(
    settings: Evaluation,
    subset: store.Stored,
    model: Deployed,
    candidates: store.Stored,
    matched: Callable[[str], None],
) -> Findings:
    """Match the candidates with every image, and set the thresholds; matched: told of what has been, five times."""
    raw = pixels.of(candidates, "candidates/coordinates", model)
    representatives = pixels.of(candidates, "representatives/coordinates", model)
    own = by_restart(candidates["candidates/restart"])
    shown = max(settings.pairs, SHOWN // model.mean.size)
    rule, showing = rule_for(model.mean, candidates.facts["method"], settings), Showing.of(subset, model.mean)

    def match_part(part: str) -> Matched:
        return match(subset, part, model, raw, own, representatives, shown, rule, showing)

    trained = match_part("training")
    matched("training images")
    held_out = match_part("held_out")
    matched("held-out images")
    inputs = model.centred(trained.images)
    rate = min(settings.false_positive_rate, RARE) if tells_rare(len(held_out.labels)) else settings.false_positive_rate
    chance = Chance.of_candidates(candidates, model, settings.seed)
    by_chance = chance.scores_by_restart(inputs, rate, own)
    matched("random candidates")
    scrambled_ncc = by_chance.max(0)
    shuffled = Shuffled.of_candidates(candidates, model, settings.seed)
    shuffled_ncc = shuffled.scores(inputs, rate)
    labels = None if model.network.regression else (trained.labels, candidates["candidates/label"])
    beyond = excess(inputs, model.centred(held_out.images), raw, chance, shuffled, labels)
    matched("detail")
    without_search = controls.without_search(subset, model, chance, scrambled_ncc, settings)
    matched("answers without a search")
    return Findings(
        trained=trained,
        held_out=held_out,
        chance=by_chance,
        scrambled_ncc=scrambled_ncc,
        shuffled_ncc=shuffled_ncc,
        excess=beyond,
        controls=without_search,
        thresholds=Thresholds.of(held_out.ncc.score, scrambled_ncc, settings.false_positive_rate),
        rule=rule,
        showing=showing,
        representatives=nearest_by_ncc(representatives, inputs),
    )


def match(
    subset: store.Stored,
    part: str,
    model: Deployed,
    raw: Pixels,
    own: Sequence[np.ndarray],
    representatives: Pixels,
    shown: int,
    rule: str,
    showing: Showing,
) -> Matched:
    """Match a part of the subset with the raw candidates (N, D), each restart's own, and the representatives (C, D)."""
    images = subset[f"{part}/images"]
    inputs = model.centred(images)
    of_each = nearest_of_each(inputs, raw, own)
    best = of_each.score.argmax(0), np.arange(len(images))
    published_index, by_published = published(images, inputs, showing, raw)
    ncc = Nearest(of_each.index[best], of_each.score[best])
    nearest, rules = raw[ncc.index[best_first(ncc.score)[:shown]]], {"shown": rule}
    if rule in OTHER_RULES:
        rules["stretched"] = PUBLISHED_RULE
    return Matched(
        images=images,
        labels=subset[f"{part}/labels"],
        source_index=subset[f"{part}/source_index"],
        ncc=ncc,
        by_restart=of_each.score,
        one_to_one=assign_one_to_one(inputs, representatives),
        published_index=published_index,
        published=by_published,
        shown={name: pixels.pictures(nearest, by, showing) for name, by in rules.items()},
    )


def scores_of(findings: Findings, answers: dict[str, Control], exceeding: dict[str, np.ndarray]) -> Scores:
    """The scores that the table is made of; what is expected of an image is what answers on other images reach.

    answers: of control searches, which knew nothing of the training images; exceeding: theirs in detail, likewise.
    """
    others = [answer for name, answer in answers.items() if name.startswith(OTHER_IMAGES)]

    def part(found: Matched, expected: list[np.ndarray]) -> PartScores:
        return PartScores(
            labels=found.labels,
            ncc=found.ncc.score,
            expected=np.mean(expected, axis=0) if expected else np.full(len(found.labels), np.nan),
            one_to_one=found.one_to_one.score,
            **{ssim_name(rule): ssim for rule, ssim in found.published.by_rule.items()},
            ssim11=found.published.ssim[11],
            l2=found.published.l2,
        )

    by_answers = {name: answer.ncc[None] for name, answer in answers.items()}
    further = {"scrambled": findings.scrambled_ncc, "shuffled": findings.shuffled_ncc, **by_answers}
    beyond = findings.excess
    return Scores(
        part(findings.trained, [other.ncc for other in others]),
        part(findings.held_out, [other.held_out_ncc for other in others]),
        findings.controls["mean_image"].ssim[PUBLISHED_RULE],
        findings.scrambled_ncc,
        Compared(findings.trained.ncc.score, findings.held_out.ncc.score, further),
        Compared(
            beyond.training,
            beyond.held_out,
            beyond.nulls | {name: scores[None] for name, scores in exceeding.items()},
        ),
        beyond.other_labels,
    )


def restarts_of(findings: Findings) -> ByRestart:
    return ByRestart(findings.trained.by_restart, findings.held_out.by_restart, findings.chance)
