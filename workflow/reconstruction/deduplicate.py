"""Stage `deduplicate`: merge the candidates of all restarts and rank them, without the training set.

Spurious solutions differ from restart to restart and true images come back, so restarts vote. Two
candidates are compared by the cosine of their half-whitened coordinates, which is blind to much of what
all images share. A sparse graph of nearest neighbours, never an all-pairs matrix, holds the similarities;
candidates are taken in the order of their agreement with other restarts, and each absorbs its neighbours.

Time is O(N^2 r) in blocked matrix products for N candidates of r coordinates, memory O(N (r + k)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors

from . import deployed, store
from .configuration import Merge
from .errors import UserError
from .hyperparameters import NAMES

WHITENING = 0.5  # 0 leaves coordinates as they are, 1 makes every direction's spread equal


@dataclass(frozen=True)
class Clusters:
    """membership: (N,), each candidate's cluster; the rest (C,), best score first."""

    membership: np.ndarray
    representatives: np.ndarray  # (C, r), the mean of the members scaled to unit norm
    support: np.ndarray  # how many restarts agree
    spread: np.ndarray  # 1 - mean similarity of the members to the cluster's first
    lambdas: np.ndarray  # median over members
    score: np.ndarray  # support + 1 - spread


def run(settings: Merge, model_path: Path, shard_paths: Sequence[Path], output: Path) -> None:
    """Raises UserError where shards belong to another model or sweep, or every restart diverged."""
    model = deployed.read(model_path)
    shards = [store.read(path, "shard") for path in sorted(shard_paths)]
    _check_shards(shards, model.stored)

    restarts = {
        name: np.concatenate([shard[name] for shard in shards])
        for name in ("restart", "diverged", "trace/residuals", *(f"hyperparameters/{name}" for name in NAMES))
    }
    for shard in shards:
        if shard["diverged"].all():
            print(f"deduplicate: {shard.path} brings nothing, its restarts have all diverged")
    kept = ~restarts["diverged"]
    if not kept.any():
        raise UserError(
            f"{shard_paths[0].parent}: all {len(kept)} restarts diverged; lower the sweep's learning_rate range"
        )
    first = shards[0]
    coordinates = np.concatenate([_in_basis_of(shard, first) for shard in shards])
    lambdas = np.concatenate([shard["lambdas"] for shard in shards])[kept]
    count, candidates, size = coordinates.shape
    if not coordinates.any():
        raise UserError(f"{shard_paths[0].parent}: every candidate is zero; raise the sweep's initial_scale")
    restart = np.repeat(restarts["restart"][kept], candidates)
    pooled = coordinates.reshape(-1, size)
    clusters = merge(pooled, restart, lambdas.ravel(), settings)

    arrays = {
        "candidates/coordinates": pooled,
        "candidates/restart": restart,
        "candidates/lambda": lambdas.ravel(),
        "candidates/label": np.tile(first["labels"], count),
        "candidates/cluster": clusters.membership,
        "representatives/coordinates": clusters.representatives,
        "representatives/support": clusters.support,
        "representatives/spread": clusters.spread,
        "representatives/lambda": clusters.lambdas,
        "representatives/score": clusters.score,
        **{f"restarts/{name}": array for name, array in restarts.items()},
        "restarts/trace/iterations": first["trace/iterations"],
    }
    if "basis" in first.arrays:
        arrays["basis"] = first["basis"]
    facts = {
        "method": first.facts["method"],
        "restart_seconds": [shard.facts["seconds"] for shard in shards],
        "restart_devices": sorted({shard.facts["device"] for shard in shards}),
    }
    store.write(
        output, "candidates", arrays, settings_json=settings.to_json(), facts=facts, sources={"model": model.stored}
    )
    print(
        f"deduplicate: {len(pooled)} candidates of {count} restarts ({int((~kept).sum())} more diverged) "
        f"make {len(clusters.score)} representatives"
    )


def merge(coordinates: np.ndarray, restart: np.ndarray, lambdas: np.ndarray, settings: Merge) -> Clusters:
    """Cluster candidates (N, r) of the given restarts (N,) and lambdas (N,)."""
    fingerprints = whiten(coordinates)
    graph = similarity_graph(fingerprints, settings)
    agreement = agreement_between_restarts(graph, restart)
    membership, leaders = absorb_neighbours(graph, agreement)

    count = len(leaders)
    members = csr_matrix((np.ones(len(membership), np.float32), (membership, np.arange(len(membership)))))
    sizes = np.bincount(membership, minlength=count)
    unit = coordinates / np.maximum(np.linalg.norm(coordinates, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    representatives = (members @ unit) / sizes[:, None]
    support = np.array([len(np.unique(restart[row])) for row in _groups(membership, count)])
    similarity = np.einsum("nr,nr->n", fingerprints, fingerprints[leaders][membership])
    spread = 1 - np.bincount(membership, similarity, count) / sizes
    medians = np.array([np.median(lambdas[row]) for row in _groups(membership, count)])
    score = support + 1 - spread
    order = np.argsort(-score, kind="stable")
    rank = np.empty(count, int)
    rank[order] = np.arange(count)
    return Clusters(
        membership=rank[membership],
        representatives=representatives[order].astype(np.float32),
        support=support[order],
        spread=spread[order],
        lambdas=medians[order],
        score=score[order],
    )


def whiten(coordinates: np.ndarray) -> np.ndarray:
    """Unit fingerprints (N, r): each principal coordinate divided by its spread to the power WHITENING."""
    gram = coordinates.T.astype(np.float64) @ coordinates
    variances, directions = eigh(gram)
    keep = variances > variances[-1] * len(variances) * np.finfo(np.float32).eps
    scale = directions[:, keep] / variances[keep] ** (WHITENING / 2)
    fingerprints = coordinates @ scale.astype(np.float32)
    norms = np.linalg.norm(fingerprints, axis=1, keepdims=True)
    return fingerprints / np.maximum(norms, np.finfo(np.float32).tiny)


def similarity_graph(fingerprints: np.ndarray, settings: Merge) -> csr_matrix:
    """The symmetric graph (N, N) of similarities of at least settings.similarity among nearest neighbours."""
    neighbours = min(settings.neighbours, len(fingerprints) - 1)
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(fingerprints)
    graph = search.kneighbors_graph(mode="distance")
    graph.data = 1 - graph.data**2 / 2
    graph.data[graph.data < settings.similarity] = 0
    graph.eliminate_zeros()
    return csr_matrix(graph.maximum(graph.T))


def agreement_between_restarts(graph: csr_matrix, restart: np.ndarray) -> np.ndarray:
    """For each candidate, the sum over other restarts of its largest similarity to one of theirs."""
    edges = graph.tocoo()
    other = restart[edges.row] != restart[edges.col]
    rows, columns, similarities = edges.row[other], restart[edges.col[other]], edges.data[other]
    order = np.lexsort((-similarities, columns, rows))
    rows, columns, similarities = rows[order], columns[order], similarities[order]
    best = np.ones(len(rows), bool)
    best[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    return np.bincount(rows[best], similarities[best], graph.shape[0])


def absorb_neighbours(graph: csr_matrix, agreement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clusters around the candidates that agree most: membership (N,) and each cluster's leader (C,).

    Unlike connected components, a chain of similar candidates cannot join two unlike ones to one leader.
    """
    membership = np.full(len(agreement), -1)
    leaders: list[int] = []
    for candidate in np.argsort(-agreement, kind="stable"):
        if membership[candidate] >= 0:
            continue
        neighbours = graph.indices[graph.indptr[candidate] : graph.indptr[candidate + 1]]
        membership[neighbours[membership[neighbours] < 0]] = len(leaders)
        membership[candidate] = len(leaders)
        leaders.append(candidate)
    return membership, np.array(leaders)


def _groups(membership: np.ndarray, count: int) -> list[np.ndarray]:
    """The members of each cluster."""
    order = np.argsort(membership, kind="stable")
    return np.split(order, np.cumsum(np.bincount(membership, minlength=count))[:-1])


def _in_basis_of(shard: store.Stored, first: store.Stored) -> np.ndarray:
    """A shard's sound candidates (K, m, r) in the coordinates of the first shard, whose row space is the same."""
    candidates = shard["candidates"][~shard["diverged"]]
    if "basis" not in first.arrays or np.array_equal(shard["basis"], first["basis"]):
        return candidates
    return candidates @ (shard["basis"] @ first["basis"].T)


def _check_shards(shards: Sequence[store.Stored], model: store.Stored) -> None:
    seen: dict[int, Path] = {}
    for shard in shards:
        store.require_source(shard, "model", model)
        if shard.settings != shards[0].settings or shard.facts["method"] != shards[0].facts["method"]:
            raise UserError(
                f"{shard.path}: belongs to another sweep than {shards[0].path}; merge the shards of one sweep"
            )
        for number in shard["restart"].tolist():
            if number in seen:
                raise UserError(f"{shard.path}: repeats restart {number} of {seen[number]}; give each shard once")
            seen[number] = shard.path
