"""Stage `evaluate`: which training images came back, beside what the same rules say of images never trained on.

The only stage after training that opens the subset. Candidates are matched with training and with held-out
images in the very same way, and every count stands beside its controls.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from . import deployed, figures, store
from .calibration import cross_fitted_hits
from .configuration import Evaluation
from .findings import Findings, Part, Row, find, search_columns, search_timing
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
) -> None:
    subset = store.read(subset_path, "subset")
    model = deployed.read(model_path)
    training = store.read(training_path, "training")
    candidates = store.read(candidates_path, "candidates")
    store.require_source(model.stored, "subset", subset)
    store.require_source(training, "model", model.stored)
    store.require_source(candidates, "model", model.stored)

    findings = find(settings, subset, model, candidates)
    row: Row = {
        **dict(zip(("dataset", "model", "sweep"), experiment.split("/"), strict=True)),
        "n": len(findings.trained.images),
        "network": str(model.network),
        "training_loss": float(training["curve/loss"][-1]),
        "on_margin": int(training["on_margin"].sum()),
        "test_accuracy": float(training["accuracy/test"]),
        **search_columns(candidates),
        **summarise(findings, settings),
    }
    arrays = {
        **part_arrays("training", findings.trained),
        **part_arrays("held_out", findings.held_out),
        "mean_image/ssim3": findings.mean_image.ssim,
        "scrambled/ncc": findings.scrambled.ncc,
        "scrambled/ssim3": findings.scrambled.ssim,
        "representatives/ncc": findings.representatives.score,
        "representatives/nearest_image": findings.representatives.index,
        "restarts/hits": findings.restart_hits,
        "row": np.array(json.dumps(row)),
        "controls": np.array(json.dumps(compare(findings, settings))),
    }
    facts = {
        "timings": [
            [training.facts.get("stage", "train"), training.facts["device"], training.facts["seconds"]],
            search_timing(candidates),
        ]
    }
    with store.writing(figures_folder):
        figures.draw_all(figures_folder, settings, findings, training, candidates)
    sources = {"subset": subset, "training": training, "candidates": candidates}
    store.write(output, "evaluation", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    print(f"evaluate: {headline(row)}")


def summarise(findings: Findings, settings: Evaluation) -> Row:
    """The counts and averages of the table; best-k averages over min(k, n)."""
    trained, held_out, limits = findings.trained, findings.held_out, findings.thresholds
    hits = int((trained.ncc.score > limits.both).sum())
    top = findings.representatives.score[:hits] > limits.both
    return {
        "ncc_threshold_held_out": limits.held_out,
        "ncc_threshold_scrambled": limits.scrambled,
        "ncc_threshold": limits.both,
        "ncc_hits": hits,
        "ncc_hits_over_held_out": int((trained.ncc.score > limits.held_out).sum()),
        "ncc_held_out_hits": held_out_hits(held_out, settings),
        "one_to_one_hits": int((trained.one_to_one.score > limits.both).sum()),
        "one_to_one_held_out_hits": int((held_out.one_to_one.score > limits.both).sum()),
        "ncc_median": float(np.median(trained.ncc.score)),
        "ncc_held_out_median": float(np.median(held_out.ncc.score)),
        "ssim_hits": over(trained.published.ssim[3], settings),
        "ssim_held_out_hits": over(held_out.published.ssim[3], settings),
        "ssim_mean_image_hits": over(findings.mean_image.ssim, settings),
        "ssim_best10": best(trained.published.ssim[3], 10),
        "ssim_best45": best(trained.published.ssim[3], 45),
        "ssim_mean": float(trained.published.ssim[3].mean()),
        "ssim11_hits": over(trained.published.ssim[11], settings),
        "ssim11_best45": best(trained.published.ssim[11], 45),
        "l2_median": float(np.median(trained.published.l2)),
        "precision_top_hits": float(top.mean()) if hits else math.nan,
    }


def compare(findings: Findings, settings: Evaluation) -> dict[str, Row]:
    """The reconstruction and three answers that reveal nothing, by the same rules."""
    limit = findings.thresholds.held_out

    def row(ncc: np.ndarray, ssim: np.ndarray, hits: int) -> Row:
        return {
            "images": len(ncc),
            "ncc_hits_over_held_out": hits,
            "ncc_median": float(np.median(ncc)),
            "ssim_hits": over(ssim, settings),
            "ssim_best10": best(ssim, 10),
            "ssim_best45": best(ssim, 45),
        }

    def of_training(ncc: np.ndarray, ssim: np.ndarray) -> Row:
        return row(ncc, ssim, int((ncc > limit).sum()))

    trained, held_out = findings.trained, findings.held_out
    return {
        "reconstruction": of_training(trained.ncc.score, trained.published.ssim[3]),
        "held_out": row(held_out.ncc.score, held_out.published.ssim[3], held_out_hits(held_out, settings)),
        "mean_image": of_training(findings.mean_image.ncc, findings.mean_image.ssim),
        "scrambled": of_training(findings.scrambled.ncc, findings.scrambled.ssim),
    }


def held_out_hits(held_out: Part, settings: Evaluation) -> int:
    """Held-out images above the threshold of the half that they are not in."""
    return int(cross_fitted_hits(held_out.ncc.score, held_out.labels, settings.false_positive_rate).sum())


def over(ssim: np.ndarray, settings: Evaluation) -> int:
    return int((ssim > settings.ssim_threshold).sum())


def best(scores: np.ndarray, count: int) -> float:
    """The average of the `count` best scores, of all where there are fewer."""
    return float(np.sort(scores)[::-1][:count].mean())


def part_arrays(name: str, part: Part) -> dict[str, np.ndarray]:
    """What evaluation.h5 keeps of a part."""
    return {
        f"{name}/source_index": part.source_index,
        f"{name}/labels": part.labels,
        f"{name}/ncc": part.ncc.score,
        f"{name}/nearest_candidate": part.ncc.index,
        f"{name}/one_to_one_ncc": part.one_to_one.score,
        f"{name}/one_to_one_representative": part.one_to_one.index,
        **{f"{name}/ssim{window}": score for window, score in part.published.ssim.items()},
        f"{name}/l2": part.published.l2,
    }
