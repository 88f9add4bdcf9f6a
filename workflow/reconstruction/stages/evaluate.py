"""Stage `evaluate`: which training images came back, beside what the same rules say of images never trained on.

Candidates are matched with training and with held-out images in the very same way, and every count stands beside its
controls. What figures and the page show is kept with the scores, so that drawing anew matches nothing anew.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..configuration import Evaluation
from ..data.images import things_of
from ..evaluation import controls, membership, pixels, uncertainty
from ..evaluation.capacity import to_match
from ..evaluation.findings import Findings, Matched, find, restarts_of, scores_of
from ..evaluation.kinds import told_apart
from ..evaluation.neighbours import Public
from ..evaluation.quantities import COLUMNS
from ..evaluation.scores import PartScores, Row, best_first, precision, summarise
from ..evaluation.showing import ssim_name
from ..files import layout, store
from ..machine.devices import require_memory
from ..machine.progress import Progress
from ..models import deployed
from ..models.deployed import Deployed
from ..report.row import EXPERIMENT, search_columns, search_timings
from ..report.verdict import headline
from ..training.examination import count, mistakes, unexplained
from ..training.verdict import CAUSES, by_images


def run(
    settings: Evaluation,
    experiment: str,
    subset_path: Path,
    model_path: Path,
    training_path: Path,
    candidates_path: Path,
    output: Path,
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
    what, public = things_of(model.image_shape), len(subset.arrays.get("public/images", ()))
    require_memory(
        to_match(model.mean.shape, len(candidates["candidates/coordinates"]), count(subset), public)
        + membership.bytes_for(sum(len(subset[f"{part}/labels"]) for part in ("training", "held_out")), model.network),
        f"evaluate: to match {what} of shape {model.mean.shape}{f' beside {public} public ones' if public else ''}",
        "give smaller or fewer ones, or evaluate on a larger machine",
    )

    progress, done, steps = Progress("evaluate"), itertools.count(), 5 + len(control_paths)

    def matched(what: str) -> None:
        progress(next(done) / steps, f"{what} matched")

    matched("nothing")
    findings = find(settings, subset, model, candidates, matched)
    answers, exceeding = controls.searched(control_paths, subset, settings, matched)
    scores, by_restart = scores_of(findings, answers, exceeding), restarts_of(findings)
    found = summarise(scores, settings)
    sure = uncertainty.intervals(scores, by_restart, settings)
    growth = uncertainty.growth(scores, by_restart, settings)
    calibrated, rate = scores.beyond_expected(), settings.false_positive_rate
    hits, limit = int(found["ncc_hits"]), findings.thresholds.both
    suspects = membership.score(model, membership.of_parts(findings.trained, findings.held_out))
    told = membership.summary(suspects)
    kind = told_apart(findings.trained.images, findings.held_out.images)
    sure |= {name: uncertainty.of_images(estimate) for name, estimate in told.items()}
    values: Row = {
        **layout.names(experiment),
        "n": len(findings.trained.images),
        "n_held_out": len(findings.held_out.images),
        "kind_auc": kind.value,
        "kind_auc_low": kind.low,
        "network": str(model.network),
        "training_loss": float(training["curve/loss"][-1]),
        "on_margin": int(training["on_margin"].sum()),
        "test_accuracy": float(training["accuracy/test"]),
        "test_error": float(training["error/test"]) if model.network.regression else math.nan,
        **by_images(model.network, unexplained(training)).columns,
        **membership.verdict(model.network, told),
        **{name: estimate.value for name, estimate in told.items()},
        **search_columns(candidates),
        **found,
        "showing": findings.rule,
        "reconstructed_low": sure["reconstructed_images"][uncertainty.IMAGES[0]],
        "reconstructed_high": sure["reconstructed_images"][uncertainty.IMAGES[1]],
        "reconstructed_fewest": scores.excess.fewest,
        "precision_top_hits": precision(findings.representatives.score, limit, hits),
        "precision_top_quarter": precision(findings.representatives.score, limit, math.ceil(hits / 4)),
    }
    row = {name: values[name] for name in (*EXPERIMENT, *COLUMNS)}
    arrays = {
        **part_arrays("training", findings.trained, scores.training, scores.is_hit(rate), calibrated.is_hit(rate)),
        **part_arrays(
            "held_out",
            findings.held_out,
            scores.held_out,
            scores.is_held_out_hit(rate),
            calibrated.is_held_out_hit(rate),
        ),
        **{
            f"{part}/{name}": suspects.loc[suspects["member"] == member, name].to_numpy()
            for part, member in (("training", True), ("held_out", False))
            for name in membership.SCORES
        },
        **({"mean": model.mean, "std": np.broadcast_to(model.std, model.mean.shape)} if model.of_vectors else {}),
        "mean_image/ssim3": scores.mean_image,
        "scrambled/ncc": scores.scrambled,
        "shuffled/ncc": findings.shuffled_ncc,
        "training/excess": scores.excess.training,
        "held_out/excess": scores.excess.held_out,
        "other_labels/excess": scores.other_labels,
        **{f"{part}/reconstructed": told for part, told in scores.excess.reached.items()},
        **{f"{part}/reconstructed_by_ncc": told for part, told in scores.plain.reached.items()},
        **{f"{name}/excess": drawn for name, drawn in findings.excess.nulls.items()},
        "representatives/ncc": findings.representatives.score,
        "representatives/nearest_image": findings.representatives.index,
        "representatives/shown": pixels.of_representatives(
            candidates, model, settings.pairs, findings.rule, findings.showing
        ),
        **near_public(subset, model, candidates, findings, settings.pairs),
        "restarts/hits": findings.restart_hits,
        "growth/restarts": growth.restarts,
        "growth/hits": growth.hits,
        "growth/held_out_hits": growth.held_out_hits,
        "row": np.array(json.dumps(row)),
        "intervals": np.array(json.dumps(sure)),
        "controls": np.array(json.dumps(controls.compare(scores, findings.controls | answers, settings))),
    }
    facts = {
        "timings": [
            [training.facts.get("stage", "train"), training.facts["device"], training.facts["seconds"]],
            *search_timings(candidates),
        ]
    }
    sources = {"subset": subset, "training": training, "candidates": candidates}
    store.write(output, "evaluation", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    wrong = mistakes(training["margins"], "training images", model.network.family)
    if wrong:
        print(f"evaluate: warning: {wrong}; {CAUSES}")
    print(f"evaluate: {headline(row)}")


def near_public(
    subset: store.Stored, model: Deployed, candidates: store.Stored, findings: Findings, count: int
) -> dict[str, np.ndarray]:
    """What evaluation.h5 keeps of the public vectors nearest to so many candidates each: those of the best pairs of a
    part, and the representatives ranked first."""
    public = Public.of(subset, model)
    if public is None:
        return {}
    raw = pixels.of(candidates, "candidates/coordinates", model)
    shown = {
        **{
            name: raw[part.ncc.index[best_first(part.ncc.score)[:count]]]
            for name, part in (("training", findings.trained), ("held_out", findings.held_out))
        },
        "representatives": pixels.of(candidates, "representatives/coordinates", model)[:count],
    }
    return {f"{name}/{what}": kept for name, some in shown.items() for what, kept in public.near(some).items()}


def part_arrays(
    name: str, part: Matched, scores: PartScores, hits: np.ndarray, calibrated_hits: np.ndarray
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
        f"{name}/ssim_candidate": part.published_index,
        **{f"{name}/{ssim_name(rule)}": score for rule, score in part.published.by_rule.items()},
        f"{name}/ssim11": part.published.ssim[11],
        f"{name}/l2": part.published.l2,
        **{f"{name}/{how}": pictures for how, pictures in part.shown.items()},
    }
