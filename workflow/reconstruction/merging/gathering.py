"""All shards of a sweep as one pool of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..attack.search.starts import NAMES
from ..errors import UserError
from ..files import store


@dataclass(frozen=True)
class Pooled:
    """The sound candidates of all shards, N in all, and every restart of theirs."""

    coordinates: np.ndarray  # (N, r)
    restart: np.ndarray  # (N,)
    lambdas: np.ndarray
    labels: np.ndarray
    restarts: dict[str, np.ndarray]  # (R, ...), by name
    files: dict[str, np.ndarray]  # name and digest of each shard
    facts: dict[str, Any]
    first: store.Stored  # without its candidates


def pool(paths: Sequence[Path], model: store.Stored) -> Pooled:
    """Read the shards one after the other; raises UserError where they do not belong together, or hold nothing."""
    first = store.read(paths[0], "shard")
    names = ("restart", "diverged", "trace/residuals", *(f"hyperparameters/{name}" for name in NAMES))
    per_restart: dict[str, list[np.ndarray]] = {name: [] for name in names}
    coordinates, restart, lambdas, labels, digests, facts = [], [], [], [], [], []
    seen: dict[int, Path] = {}
    for path in paths:
        shard = store.read(path, "shard")
        _check_shard(shard, first, model, seen)
        kept = ~shard["diverged"]
        if not kept.any():
            print(f"deduplicate: {shard.path} brings nothing, its restarts have all diverged")
        _, candidates, size = shard["candidates"].shape
        coordinates.append(_in_basis_of(shard, first).reshape(-1, size))
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
    return Pooled(
        np.concatenate(coordinates),
        np.concatenate(restart),
        np.concatenate(lambdas),
        np.concatenate(labels),
        restarts={name: np.concatenate(arrays) for name, arrays in per_restart.items()},
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


def _in_basis_of(shard: store.Stored, first: store.Stored) -> np.ndarray:
    """A shard's sound candidates (K, m, r) in the coordinates of the first shard, whose row space is the same."""
    candidates = shard["candidates"][~shard["diverged"]]
    if "basis" not in first.arrays or np.array_equal(shard["basis"], first["basis"]):
        return candidates
    return candidates @ (shard["basis"] @ first["basis"].T)


def _check_shard(shard: store.Stored, first: store.Stored, model: store.Stored, seen: dict[int, Path]) -> None:
    """seen: the shard of each restart before, to which this one's are added."""
    store.require_source(shard, "model", model)
    if shard.settings != first.settings or shard.facts["method"] != first.facts["method"]:
        raise UserError(f"{shard.path}: belongs to another sweep than {first.path}", "merge the shards of one sweep")
    for number in shard["restart"].tolist():
        if number in seen:
            raise UserError(f"{shard.path}: repeats restart {number} of {seen[number]}", "give each shard once")
        seen[number] = shard.path
