"""Stage `evaluate`: which training images came back, beside what the same rules say of images never trained on.

The only stage after training that opens the subset. Candidates are matched with training and with held-out
images in the very same way, and every count stands beside its controls.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..configuration import OTHER_IMAGES, Evaluation
from ..evaluation import controls, uncertainty
from ..evaluation.controls import Control
from ..evaluation.findings import Findings, Part, find, search_columns, search_timing
from ..evaluation.scores import ByRestart, PartScores, Row, Scores, best, over, summarise
from ..files import store
from ..models import deployed
from ..report import figures
from .table import headline


def run(
    settings: Evaluation,
    experiment: str,
    subset_path: Path,
    model_path: Path,
    training_path: Path,
    candidates_path: Path,
    output: Path,
    figures_folder: Path,
    control_paths: Sequence[tuple[str, Path, Path]] = (),
) -> None:
    """control_paths: name, model.h5 and candidates.h5 of each control search."""
    subset = store.read(subset_path, "subset")
    model = deployed.read(model_path)
    training = store.read(training_path, "training")
    candidates = store.read(candidates_path, "candidates")
    store.require_source(model.stored, "subset", subset)
    store.require_source(training, "model", model.stored)
    store.require_source(candidates, "model", model.stored)

    findings = find(settings, subset, model, candidates)
    answers = controls.searched(control_paths, findings.trained.images, findings.held_out.images, settings)
    scores, by_restart = scores_of(findings, answers), restarts_of(findings)
    found = summarise(scores, settings)
    sure = uncertainty.intervals(scores, by_restart, settings)
    growth = uncertainty.growth(scores, by_restart, settings)
    calibrated, rate = scores.beyond_expected(), settings.false_positive_rate
    hits, limit = int(found["ncc_hits"]), findings.thresholds.both
    row: Row = {
        **dict(zip(("dataset", "model", "sweep"), experiment.split("/"), strict=True)),
        "n": len(findings.trained.images),
        "n_held_out": len(findings.held_out.images),
        "network": str(model.network),
        "training_loss": float(training["curve/loss"][-1]),
        "on_margin": int(training["on_margin"].sum()),
        "test_accuracy": float(training["accuracy/test"]),
        **search_columns(candidates),
        **found,
        "precision_top_hits": precision(findings.representatives.score, limit, hits),
        "precision_top_quarter": precision(findings.representatives.score, limit, math.ceil(hits / 4)),
    }
    arrays = {
        **part_arrays("training", findings.trained, scores.training, scores.is_hit(rate), calibrated.is_hit(rate)),
        **part_arrays(
            "held_out",
            findings.held_out,
            scores.held_out,
            scores.is_held_out_hit(rate),
            calibrated.is_held_out_hit(rate),
        ),
        "mean_image/ssim3": scores.mean_image,
        "scrambled/ncc": scores.scrambled,
        "representatives/ncc": findings.representatives.score,
        "representatives/nearest_image": findings.representatives.index,
        "restarts/hits": findings.restart_hits,
        "growth/restarts": growth.restarts,
        "growth/hits": growth.hits,
        "growth/held_out_hits": growth.held_out_hits,
        "row": np.array(json.dumps(row)),
        "intervals": np.array(json.dumps(sure)),
        "controls": np.array(json.dumps(compare(scores, findings.controls | answers, settings))),
    }
    facts = {
        "timings": [
            [training.facts.get("stage", "train"), training.facts["device"], training.facts["seconds"]],
            search_timing(candidates),
        ]
    }
    with store.writing(figures_folder):
        figures.draw_all(figures_folder, settings, findings, arrays, training, candidates)
    sources = {"subset": subset, "training": training, "candidates": candidates}
    store.write(output, "evaluation", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    print(f"evaluate: {headline(row)}")


def scores_of(findings: Findings, answers: dict[str, Control]) -> Scores:
    """The scores that the table is made of; what is expected of an image is what answers on other images reach."""
    others = [answer for name, answer in answers.items() if name.startswith(OTHER_IMAGES)]

    def part(found: Part, expected: list[np.ndarray]) -> PartScores:
        return PartScores(
            labels=found.labels,
            ncc=found.ncc.score,
            expected=np.mean(expected, axis=0) if expected else np.full(len(found.labels), np.nan),
            one_to_one=found.one_to_one.score,
            ssim3=found.published.ssim[3],
            ssim11=found.published.ssim[11],
            l2=found.published.l2,
        )

    return Scores(
        part(findings.trained, [other.ncc for other in others]),
        part(findings.held_out, [other.held_out_ncc for other in others]),
        findings.controls["mean_image"].ssim,
        findings.scrambled_ncc,
    )


def restarts_of(findings: Findings) -> ByRestart:
    return ByRestart(findings.trained.by_restart, findings.held_out.by_restart, findings.chance)


def precision(representatives: np.ndarray, limit: float, count: int) -> float:
    """The share of the `count` representatives ranked first whose NCC (C,) with an image is above the limit, or nan."""
    return float((representatives[:count] > limit).mean()) if count else math.nan


def compare(scores: Scores, answers: dict[str, Control], settings: Evaluation) -> dict[str, Row]:
    """The reconstruction and answers that reveal nothing, each judged by its own two thresholds."""
    rate, trained, held_out = settings.false_positive_rate, scores.training, scores.held_out
    passed = scores.is_held_out_hit(rate)

    def row(ncc: np.ndarray, ssim: np.ndarray, hits: np.ndarray, over_held_out: np.ndarray) -> Row:
        return {
            "images": len(ncc),
            "ncc_hits": int(hits.sum()),
            "ncc_hits_over_held_out": int(over_held_out.sum()),
            "ncc_median": float(np.median(ncc)),
            "ssim_hits": over(ssim, settings),
            "ssim_best10": best(ssim, 10),
            "ssim_best45": best(ssim, 45),
        }

    def of_training(answer: Control) -> Row:
        limits = answer.thresholds(rate)
        return row(answer.ncc, answer.ssim, answer.ncc > limits.both, answer.ncc > limits.held_out)

    return {
        "reconstruction": of_training(Control(trained.ncc, trained.ssim3, held_out.ncc, scores.scrambled)),
        "held_out": row(held_out.ncc, held_out.ssim3, passed, passed),
        **{name: of_training(answer) for name, answer in answers.items()},
    }


def part_arrays(
    name: str, part: Part, scores: PartScores, hits: np.ndarray, calibrated_hits: np.ndarray
) -> dict[str, np.ndarray]:
    """What evaluation.h5 keeps of a part."""
    return {
        f"{name}/source_index": part.source_index,
        f"{name}/labels": part.labels,
        f"{name}/ncc": part.ncc.score,
        f"{name}/hit": hits,
        f"{name}/expected_ncc": scores.expected,
        f"{name}/calibrated_hit": calibrated_hits,
        f"{name}/nearest_candidate": part.ncc.index,
        f"{name}/one_to_one_ncc": part.one_to_one.score,
        f"{name}/one_to_one_representative": part.one_to_one.index,
        **{f"{name}/ssim{window}": score for window, score in part.published.ssim.items()},
        f"{name}/l2": part.published.l2,
    }
