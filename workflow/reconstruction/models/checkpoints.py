"""Checkpoints as people save them: which files make one up, its tensors by name, and which network in it is meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from ..errors import UserError
from ..files import outside
from ..files.outside import reading
from .ordering import orders

INDEX = ".index.json"
NESTING = 8  # mappings within mappings
SHOWN = 12  # tensors in a message
LARGEST_INDEX = 2**24  # bytes


def files_of(path: Path) -> list[Path]:
    """The files that hold the tensors: a file itself, or the shards that an index names; raises UserError."""
    if re.search(r"-\d{5}-of-\d{5}\.\w+$", path.name):
        raise UserError(
            f"{path}: is one shard of a model in several files", "name their index, the file that ends in .index.json"
        )
    if not path.name.lower().endswith(INDEX):
        return [path]
    with reading(path, "copy the index again", ValueError, RecursionError), outside.opened(path) as handle:
        if outside.size(handle) > LARGEST_INDEX:
            raise ValueError("it is too large for an index")
        index = json.load(handle)
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise UserError(f"{path}: has no weight_map of files by tensor", "name an index that the model was saved with")
    names = sorted(set(places.values()))
    for name in names:
        if name != Path(name).name or name.lower().endswith(INDEX):
            raise UserError(f"{path}: names {name!r} as a shard", "let every shard lie in the index's own folder")
    return [path.with_name(name) for name in names]


def flatten(content: Mapping) -> dict[str, Tensor]:
    """The tensors of mappings within mappings by dotted names, in their order; optimisers' state is left out."""
    return {
        name if name.isprintable() else ascii(name)[1:-1]: tensor.detach() for name, tensor in _walk(content, "", 0)
    }


def _walk(content: Mapping | list | tuple, prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    for key, value in content.items() if isinstance(content, Mapping) else enumerate(content):
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping | list | tuple) and depth < NESTING and not _is_optimisers(key, value):
            yield from _walk(value, f"{prefix}{key}.", depth + 1)


def _is_optimisers(key: object, value: Mapping | list | tuple) -> bool:
    return "optim" in str(key).lower() or "param_groups" in value


def matrices(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if tensor.dim() == 2}


def network_in(tensors: Mapping[str, Tensor], entry: str | None, size: int, path: Path) -> dict[str, Tensor]:
    """The tensors below an entry or, without one, those of the only network in the file.

    Raises UserError where there are several, as of averaged weights beside the raw ones.
    """
    found = networks(tensors, size)
    if entry is not None:
        known = found | {prefix: _below(tensors, prefix) for prefix in _prefixes(matrices(tensors)) if prefix}
        named = [entry] if entry in known else [prefix for prefix in known if f".{prefix}".endswith(f".{entry}")]
        if len(named) != 1:
            names = ", ".join(map(repr, known)) or "none"
            raise UserError(f"{path}: has {len(named)} entries {entry!r}", f"the entries with weights are {names}")
        return known[named[0]]
    if len(found) > 1:
        raise UserError(
            f"{path}: holds {len(found)} networks that fit, {', '.join(map(repr, found))}",
            f"name the one that was deployed under `entry`{', quotes and all' * ('' in found)}",
        )
    return next(iter(found.values()), dict(tensors))


def networks(tensors: Mapping[str, Tensor], size: int) -> dict[str, dict[str, Tensor]]:
    """The networks that take `size` inputs, by what their names begin with: nothing for all, or for the rest."""
    found: dict[str, dict[str, Tensor]] = {}
    for prefix in _prefixes(matrices(tensors)):
        below = _below(tensors, prefix)
        nested = any(prefix.startswith(f"{other}.") or not other for other in found)
        if not nested and orders(matrices(below), size):
            found[prefix] = below
    rest = {name: tensor for name, tensor in tensors.items() if not any(name in part for part in found.values())}
    if found and orders(matrices(rest), size):
        found[""] = rest
    return found


def _prefixes(names: Mapping[str, Tensor]) -> list[str]:
    """What names begin with up to a dot, the shortest first."""
    found: dict[str, int] = {}
    for name in names:
        parts = name.split(".")
        found |= {".".join(parts[:length]): length for length in range(min(len(parts), NESTING))}
    return sorted(found, key=lambda prefix: (found[prefix], prefix))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not prefix or name.startswith(f"{prefix}.")}


def full_name(name: str, tensors: Mapping[str, Tensor], path: Path) -> str:
    """The tensor that is called so, or whose dotted name ends so; raises UserError where that is none or several."""
    if name in tensors:
        return name
    ending = [other for other in tensors if other.endswith(f".{name}")]
    if not ending:
        raise UserError(f"{path}: has no tensor {name!r}, which `layers` names", f"it has {listing(tensors)}")
    if len(ending) > 1:
        raise UserError(f"{path}: has {' and '.join(ending[:SHOWN])}", f"give the whole name in place of {name!r}")
    return ending[0]


def listing(tensors: Mapping[str, Tensor]) -> str:
    """What a file holds, in words."""
    shown = [f"{name} ({shape(tensor)})" for name, tensor in list(tensors.items())[:SHOWN]]
    more = f" and {len(tensors) - SHOWN} more" if len(tensors) > SHOWN else ""
    return f"{', '.join(shown)}{more}"


def shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
