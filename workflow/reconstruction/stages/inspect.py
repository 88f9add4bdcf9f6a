"""Stage `inspect`: what the restarts agree on, for an auditor who has weights and no images to compare with.

Stands in place of `evaluate` and proves less: see WARNING in report/verdict.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..data.given import read_for
from ..evaluation import pixels
from ..evaluation.neighbours import Public
from ..evaluation.quantities import COLUMNS
from ..evaluation.showing import Showing, rule_for
from ..files import store
from ..files.layout import NO_IMAGES
from ..models import deployed
from ..report.row import search_columns, search_timings
from ..report.verdict import headline
from ..training.verdict import by_weights


def run(
    count: int, experiment: str, model_path: Path, candidates_path: Path, output: Path, public_path: Path | None = None
) -> None:
    """experiment: MODEL/SWEEP; count: how many representatives are shown; public_path: images that set the contrast,
    or vectors, of which the nearest stand beside what was found."""
    model = deployed.read(model_path)
    candidates = store.read(candidates_path, "candidates")
    store.require_source(candidates, "model", model.stored)
    rule = rule_for(model.mean, candidates.facts["method"])
    public = None if public_path is None else read_for(model.image_shape, public_path, labelled=False)
    if public is None:
        showing = Showing.without_images(
            pixels.norms(pixels.of(candidates, "candidates/coordinates", model)), model.mean
        )
    else:
        showing = Showing.among(public.images, model.mean)
    name, sweep = experiment.split("/")
    verdict = by_weights(model.network, model.mean.shape)
    told = {"network": str(model.network), **verdict.columns, **search_columns(candidates), "showing": rule}
    row = {"dataset": NO_IMAGES, "model": name, "sweep": sweep, **dict.fromkeys(COLUMNS), **told}
    arrays = {
        "row": np.array(json.dumps(row)),
        "squared_norms": model.network.squared_norms.numpy(),
        "representatives/shown": pixels.of_representatives(candidates, model, count, rule, showing),
    }
    if public is not None and model.of_vectors:
        near = Public.among(public.images, public.beside, np.arange(len(public.images)), model)
        found = near.near(pixels.of(candidates, "representatives/coordinates", model)[:count])
        arrays |= {f"representatives/{what}": kept for what, kept in found.items()}
    facts = {"timings": search_timings(candidates)}
    sources = {"model": model.stored, "candidates": candidates}
    settings_json = json.dumps({"count": count, **({"public": str(public_path)} if public_path else {})})
    store.write(output, "inspection", arrays, settings_json=settings_json, facts=facts, sources=sources)
    print(f"inspect: {headline(row)}")
