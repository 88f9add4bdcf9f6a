"""The candidates of all shards of a sweep, gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    first: store.Stored  # without its candidates


def gather(paths: Sequence[Path], model: store.Stored) -> Gathered:
    """Read the shards one after the other; raises UserError where they do not belong together, or hold nothing."""
    first = store.read(paths[0], "shard")
    space = Space.of(first.arrays)
    names = (
        "restart",
        "diverged",
        "trace/residuals",
        *(it for it in first.arrays if it.startswith("hyperparameters/")),
    )
    per_restart: dict[str, list[np.ndarray]] = {name: [] for name in names}
    coordinates, restart, lambdas, labels, digests, facts = [], [], [], [], [], []
    seen: dict[int, Path] = {}
    for path in paths:
        shard = store.read(path, "shard")
        _check_shard(shard, first, model, seen)
        kept = ~shard["diverged"]
        _, candidates, size = shard["candidates"].shape
        turned = space.turned(Space.of(shard.arrays), shard["candidates"][kept])
        coordinates.append(turned.reshape(-1, size))
        restart.append(np.repeat(shard["restart"][kept], candidates))
        lambdas.append(shard["lambdas"][kept].ravel())
        labels.append(np.tile(shard["labels"], kept.sum()))
        digests.append(shard.digest)
        facts.append(shard.facts)
        for name, arrays in per_restart.items():
            arrays.append(shard[name])
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
        files={"name": np.array([path.name for path in paths]), "digest": np.array(digests)},
        facts={
            "method": first.facts["method"],
            "restart_settings": first.settings,
            "shards": {path.name: found for path, found in zip(paths, facts, strict=True)},
            "restart_seconds": sum(found["seconds"] for found in facts),
            "restart_devices": sorted({found["device"] for found in facts}),
        },
        first=replace(first, arrays={name: array for name, array in first.arrays.items() if name != "candidates"}),
    )


def _check_shard(shard: store.Stored, first: store.Stored, model: store.Stored, seen: dict[int, Path]) -> None:
    """seen: the shard of each restart before, to which this one's are added."""
    store.require_source(shard, "model", model)
    if shard.settings != first.settings or shard.facts["method"] != first.facts["method"]:
        raise UserError(f"{shard.path}: belongs to another sweep than {first.path}", "merge the shards of one sweep")
    for number in shard["restart"].tolist():
        if number in seen:
            raise UserError(f"{shard.path}: repeats restart {number} of {seen[number]}", "give each shard once")
        seen[number] = shard.path
