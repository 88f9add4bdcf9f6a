"""Stage `deduplicate`: the candidates of all restarts, merged and ranked without the training set.

Candidates that gradients found are merged where they are one image; gate patterns are solved for together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..attack.plan import NoGates, gates
from ..configuration import Merge, Restarts
from ..configuration.parsing import parse
from ..errors import UserError
from ..files import store
from ..files.label import glance
from ..machine.progress import Progress
from ..merging.clusters import merge
from ..merging.gathering import facts_of, files_of, gather
from ..merging.ranking import measure
from ..merging.solving import answer
from ..models import deployed
from ..models.deployed import Deployed

Made = tuple[dict[str, np.ndarray], dict[str, Any], str]  # arrays and facts of candidates.h5, and the result in words


def run(settings: Merge, model_path: Path, shard_paths: Sequence[Path], output: Path) -> None:
    """Raises UserError where shards belong to another model or sweep, or hold nothing."""
    model = deployed.read(model_path)
    paths = sorted(shard_paths)
    label = glance(paths[0], "shard")  # of a missing or damaged one the reader of shards tells
    if label and label.facts["method"] == "exact":
        arrays, facts, result = solve(model, paths)
    else:
        arrays, facts, result = cluster(settings, model, paths)
    sources = {"model": model.stored}
    store.write(output, "candidates", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    print(f"deduplicate: {result}")


def cluster(settings: Merge, model: Deployed, paths: Sequence[Path]) -> Made:
    """Candidates of gradients, merged where they are one image."""
    gathered = gather(paths, model.stored)
    for path in gathered.empty:
        print(f"deduplicate: {path} brings nothing, its restarts have all diverged")
    signals = measure(gathered.space.restrict(model.network), gathered.coordinates, gathered.labels, gathered.lambdas)
    clusters = merge(gathered.coordinates, gathered.restart, signals, settings)
    arrays = {
        "candidates/coordinates": gathered.coordinates,
        "candidates/restart": gathered.restart,
        "candidates/lambda": gathered.lambdas,
        "candidates/label": gathered.labels,
        "candidates/cluster": clusters.membership,
        "representatives/coordinates": clusters.representatives,
        "representatives/support": clusters.support,
        "representatives/agreement": clusters.agreement,
        "representatives/spread": clusters.spread,
        "representatives/lambda": clusters.signals.lambdas,
        "representatives/margin": clusters.signals.margins,
        "representatives/response": clusters.signals.responses,
        "representatives/score": clusters.score,
        **{f"restarts/{name}": array for name, array in gathered.restarts.items()},
        "restarts/trace/iterations": gathered.iterations,
        **{f"shards/{name}": array for name, array in gathered.files.items()},
        **gathered.space.arrays(),
    }
    diverged = int(gathered.restarts["diverged"].sum())
    sound = len(gathered.restarts["diverged"]) - diverged
    result = (
        f"{len(gathered.coordinates)} candidates of {sound} restarts ({diverged} more diverged) make "
        f"{len(clusters.score)} representatives"
    )
    return arrays, gathered.facts, result


def solve(model: Deployed, paths: Sequence[Path]) -> Made:
    """Gate patterns, solved for the images together; each is a representative, and all are of one restart."""
    begun = time.perf_counter()
    first = store.read(paths[0], "shard")
    store.require_source(first, "model", model.stored)
    settings = parse(Restarts, first.settings, str(paths[0]))
    try:
        attack = gates(model.network, settings, model.stds, trial=False)
    except NoGates as error:
        raise UserError(f"{paths[0]}: {error}", "remove the shards and run `reconstruct` again") from None
    progress, choosing = Progress("deduplicate"), Progress("deduplicate")
    batches = settings.exact.deflations
    found, read = answer(
        attack,
        paths,
        model.stored,
        lambda batch, report: progress((batch + 1) / batches, f"{report.distinct} gate patterns found"),
        lambda done: choosing(done, "choosing among them"),
    )
    count = len(found.gap)
    signals = measure(
        attack.space.to(model.network.weights[0]).restrict(model.network),
        found.coordinates,
        found.labels,
        found.lambdas,
    )
    layers = len(model.network.weights)
    left = np.full((1, 1, layers), np.nan)
    left[0, 0, 0] = found.unexplained * float(model.network.squared_norms[0])
    arrays = {
        "candidates/coordinates": found.coordinates,
        "candidates/restart": np.zeros(count, int),
        "candidates/lambda": found.lambdas,
        "candidates/label": found.labels,
        "candidates/cluster": np.arange(count),
        "representatives/gap": found.gap,
        "representatives/contradiction": found.contradiction,
        "representatives/misfit": found.misfit,
        "representatives/coordinates": found.coordinates,
        "representatives/support": found.support,
        "representatives/agreement": found.support / len(read),
        "representatives/spread": np.zeros(count),
        "representatives/lambda": found.lambdas,
        "representatives/margin": signals.margins,
        "representatives/response": signals.responses,
        "representatives/score": found.score,
        "restarts/restart": np.zeros(1, int),
        "restarts/diverged": np.zeros(1, bool),
        "restarts/trace/iterations": np.zeros(1, int),
        "restarts/trace/residuals": left,
        **{f"shards/{name}": array for name, array in files_of(read).items()},
        **attack.space.arrays(),
    }
    result = (
        f"{found.starts} random starts found {found.patterns} gate patterns, and {count} are solved for; the lambdas "
        f"of {found.confirmed} images fit what the network says of them, {found.by_chance:.1f} of these by chance"
    )
    facts = {"confirmed": found.confirmed, "confirmed_by_chance": found.by_chance}
    return arrays, {**facts_of(read), **facts, "solving_seconds": time.perf_counter() - begun}, result
