"""The candidates of all shards of a sweep, gathered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import store
from ..models.space import Space


@dataclass(frozen=True)
class Gathered:
    """The sound candidates of all shards, N in all, and every restart of theirs."""

    coordinates: np.ndarray  # (N, r)
    restart: np.ndarray  # (N,)
    lambdas: np.ndarray
    labels: np.ndarray
    restarts: dict[str, np.ndarray]  # (R, ...), by name
    space: Space  # that the coordinates are of
    empty: list[Path]  # shards that bring nothing, for all their restarts have diverged
    files: dict[str, np.ndarray]  # name and digest of each shard
    facts: dict[str, Any]
    iterations: np.ndarray  # (T,), when the traces were taken


def shards(paths: Sequence[Path], model: store.Stored) -> Iterator[store.Stored]:
    """One shard after the other; raises UserError where they do not belong together."""
    first: store.Stored | None = None
    seen: dict[int, Path] = {}
    for path in paths:
        shard = store.read(path, "shard")
        first = first or store.without_arrays(shard)
        _check_shard(shard, first, model, seen)
        yield shard


def facts_of(shards: Sequence[store.Stored]) -> dict[str, Any]:
    """What is told of the search of the shards; their arrays are not looked at."""
    return {
        "method": shards[0].facts["method"],
        "restart_settings": shards[0].settings,
        "shards": {shard.path.name: shard.facts for shard in shards},
        "restart_seconds": sum(shard.facts["seconds"] for shard in shards),
        "restart_devices": sorted({shard.facts["device"] for shard in shards}),
    }


def files_of(shards: Sequence[store.Stored]) -> dict[str, np.ndarray]:
    """Name and digest of each shard."""
    return {
        "name": np.array([shard.path.name for shard in shards]),
        "digest": np.array([shard.digest for shard in shards]),
    }


def gather(paths: Sequence[Path], model: store.Stored) -> Gathered:
    """Read the shards one after the other; raises UserError where they do not belong together, or hold nothing."""
    coordinates, restart, lambdas, labels = [], [], [], []
    read: list[store.Stored] = []
    per_restart: dict[str, list[np.ndarray]] = {}
    for shard in shards(paths, model):
        if not read:
            iterations, space = shard["trace/iterations"], Space.of(shard.arrays)
            names = (name for name in shard.arrays if name.startswith("hyperparameters/"))
            per_restart = {name: [] for name in ("restart", "diverged", "trace/residuals", *names)}
        kept = ~shard["diverged"]
        _, candidates, size = shard["candidates"].shape
        turned = space.turned(Space.of(shard.arrays), shard["candidates"][kept])
        if not np.isfinite(turned).all():
            raise UserError(f"{shard.path}: has candidates that are no finite numbers", "make the shard again")
        coordinates.append(turned.reshape(-1, size))
        restart.append(np.repeat(shard["restart"][kept], candidates))
        lambdas.append(shard["lambdas"][kept].ravel())
        labels.append(np.tile(shard["labels"], kept.sum()))
        for name, arrays in per_restart.items():
            arrays.append(shard[name])
        read.append(store.without_arrays(shard))
    if not any(map(len, restart)):
        count = sum(map(len, per_restart["restart"]))
        raise UserError(f"{paths[0].parent}: all {count} restarts diverged", "lower the sweep's learning_rate range")
    if not any(part.any() for part in coordinates):
        raise UserError(f"{paths[0].parent}: every candidate is zero", "raise the sweep's initial_scale")
    return Gathered(
        np.concatenate(coordinates),
        np.concatenate(restart),
        np.concatenate(lambdas),
        np.concatenate(labels),
        restarts={name: np.concatenate(arrays) for name, arrays in per_restart.items()},
        space=space,
        empty=[path for path, part in zip(paths, coordinates, strict=True) if not len(part)],
        files=files_of(read),
        facts=facts_of(read),
        iterations=iterations,
    )


def _check_shard(shard: store.Stored, first: store.Stored, model: store.Stored, seen: dict[int, Path]) -> None:
    """seen: the shard of each restart before, to which this one's are added."""
    store.require_source(shard, "model", model)
    store.require_fit(shard, first, "restarts", "solutions")
    if shard.settings != first.settings or shard.facts["method"] != first.facts["method"]:
        raise UserError(f"{shard.path}: belongs to another sweep than {first.path}", "merge the shards of one sweep")
    for number in shard["restart"].tolist():
        if number in seen:
            raise UserError(f"{shard.path}: repeats restart {number} of {seen[number]}", "give each shard once")
        seen[number] = shard.path
