"""Stage `deduplicate`: merge the candidates of all restarts and rank them, without the training set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..configuration import Merge
from ..files import store
from ..merging.clusters import merge
from ..merging.gathering import gather
from ..merging.ranking import measure
from ..models import deployed


def run(settings: Merge, model_path: Path, shard_paths: Sequence[Path], output: Path) -> None:
    """Raises UserError where shards belong to another model or sweep, or every restart diverged."""
    model = deployed.read(model_path)
    gathered = gather(sorted(shard_paths), model.stored)
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
        "restarts/trace/iterations": gathered.first["trace/iterations"],
        **{f"shards/{name}": array for name, array in gathered.files.items()},
        **gathered.space.arrays(),
    }
    sources = {"model": model.stored}
    store.write(output, "candidates", arrays, settings_json=settings.to_json(), facts=gathered.facts, sources=sources)
    diverged = int(gathered.restarts["diverged"].sum())
    sound = len(gathered.restarts["diverged"]) - diverged
    print(
        f"deduplicate: {len(gathered.coordinates)} candidates of {sound} restarts ({diverged} more diverged) make "
        f"{len(clusters.score)} representatives"
    )
