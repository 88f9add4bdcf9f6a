"""Stage `inspect`: what the restarts agree on, for an auditor who has weights and no images to compare with.

Stands in place of `evaluate` and proves less: see WARNING in report/verdict.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..evaluation import pixels
from ..evaluation.quantities import COLUMNS
from ..evaluation.showing import Showing, rule_for
from ..files import store
from ..files.layout import NO_IMAGES
from ..models import deployed
from ..report.row import search_columns, search_timings
from ..report.verdict import headline
from ..training.verdict import by_weights


def run(count: int, experiment: str, model_path: Path, candidates_path: Path, output: Path) -> None:
    """experiment: MODEL/SWEEP; count: how many representatives are shown."""
    model = deployed.read(model_path)
    candidates = store.read(candidates_path, "candidates")
    store.require_source(candidates, "model", model.stored)
    rule = rule_for(model.mean, candidates.facts["method"])
    norms = pixels.norms(pixels.of(candidates, "candidates/coordinates", model))
    showing = Showing.without_images(norms, model.mean)
    name, sweep = experiment.split("/")
    verdict = by_weights(model.network, model.mean.shape)
    found = {"network": str(model.network), **verdict.columns, **search_columns(candidates), "showing": rule}
    row = {"dataset": NO_IMAGES, "model": name, "sweep": sweep, **dict.fromkeys(COLUMNS), **found}
    arrays = {
        "row": np.array(json.dumps(row)),
        "squared_norms": model.network.squared_norms.numpy(),
        "representatives/shown": pixels.of_representatives(candidates, model, count, rule, showing),
    }
    facts = {"timings": search_timings(candidates)}
    sources = {"model": model.stored, "candidates": candidates}
    settings_json = json.dumps({"count": count})
    store.write(output, "inspection", arrays, settings_json=settings_json, facts=facts, sources=sources)
    print(f"inspect: {headline(row)}")
