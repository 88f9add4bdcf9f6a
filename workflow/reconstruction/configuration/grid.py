"""Grids: experiments that differ in settings, written as one.

A grid names settings and the values that each is to take. It is written out before anything else sees the
configuration: an experiment becomes one for each choice of values, and what varies is called by what sets it apart.
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import Field

from ..errors import UserError
from .datasets import Dataset
from .experiments import Configuration, Experiment
from .models import AnyModel
from .section import LONGEST_NAME, Name, Section
from .sweeps import Sweep

KINDS = {"datasets": "dataset", "models": "model", "sweeps": "sweep"}
MOST = 1000  # experiments; Snakemake takes minutes to plan as many

AnySection = TypeVar("AnySection", bound=Section)


class Parse(Protocol):
    """What `parsing.parse` does."""

    def __call__(self, section: type[AnySection], values: Any, where: str) -> AnySection: ...


class Varied(Section):
    datasets: dict[Name, Dataset] = Field({})
    models: dict[Name, AnyModel] = Field({})
    sweeps: dict[Name, Sweep] = Field({})


class Written(Section):
    """A section with values of the grid in it, below the key that a message is to name."""

    grid: Varied


@dataclass(frozen=True)
class Axis:
    """A line of the grid: the keys that lead to a setting within its section, and the values that it takes."""

    key: str
    path: tuple[str, ...]
    values: Sequence[Any]


def expand(configuration: Configuration, parse: Parse) -> dict[str, Any]:
    """A configuration's values with its grid written out; raises UserError with one sentence that names the key."""
    sections: dict[str, dict[str, Section]] = {kind: dict(getattr(configuration, kind)) for kind in KINDS}
    variants: dict[tuple[str, str | None], list[str]] = {}
    for (kind, name), axes in _axes(configuration).items():
        _require_few(math.prod(len(axis.values) for axis in axes), f"{kind}.{name}")
        searching = [axis for axis in axes if axis.path[0] == "restarts"]  # of these the others share the shards
        for among in (searching, axes):
            names = variants[kind, name] = []
            for called, section in _variants(configuration, kind, name, among, parse):
                if sections[kind].setdefault(called, section) != section:
                    raise UserError(
                        f"configuration: grid.{axes[-1].key}: two {kind} that differ would be called {called}",
                        f"rename {name}, or one of {kind} by that name",
                    )
                names.append(called)
    choices = [
        [variants.get((kind, getattr(listed, key)), [getattr(listed, key)]) for kind, key in KINDS.items()]
        for listed in configuration.experiments
    ]
    _require_few(sum(math.prod(map(len, choice)) for choice in choices), "experiments")
    experiments = [
        Experiment(**dict(zip(KINDS.values(), names, strict=True)))
        for choice in choices
        for names in itertools.product(*choice)
    ]
    values = {name: getattr(configuration, name) for name in type(configuration).model_fields if name != "grid"}
    return {**values, **sections, "experiments": list(dict.fromkeys(experiments))}


def _axes(configuration: Configuration) -> dict[tuple[str, str], list[Axis]]:
    """The lines of the grid by the section that they vary."""
    found: dict[tuple[str, str], list[Axis]] = {}
    for key, values in sorted(configuration.grid.items()):
        kind, _, rest = key.partition(".")
        known: Mapping[str, Section] = getattr(configuration, kind) if kind in KINDS else {}
        fitting = [name for name in known if rest.startswith(f"{name}.")]  # names may have dots
        if not fitting:
            begins = [f"{kind}.{name}" for name in known] or KINDS
            raise UserError(f"configuration: grid.{key}: leads to no setting", f"begin with {' or '.join(begins)}")
        name = max(fitting, key=len)
        path = tuple(rest.removeprefix(f"{name}.").split("."))
        found.setdefault((kind, name), []).append(Axis(key, path, values))
    return found


def _variants(
    configuration: Configuration, kind: str, name: str, axes: Sequence[Axis], parse: Parse
) -> Iterator[tuple[str, Section]]:
    """What a section becomes by each choice of values, and what that is called."""
    before = json.loads(getattr(configuration, kind)[name].to_json())
    for choice in itertools.product(*(axis.values for axis in axes)):
        values = before
        for axis, value in zip(axes, choice, strict=True):
            values = _replaced(values, axis.path, value, axis.key)
        made = getattr(parse(Written, {"grid": {kind: {name: values}}}, "configuration").grid, kind)[name]
        after = json.loads(made.to_json())
        called = "-".join([name, *filter(None, (_difference(axis, axes, before, after) for axis in axes))])
        if len(called) > LONGEST_NAME:
            raise UserError(
                f"configuration: grid.{axes[-1].key}: {called} would be longer than {LONGEST_NAME} characters",
                f"shorten {name}, or write {kind} out by hand",
            )
        yield called, made


def _replaced(values: Any, path: Sequence[str], value: Any, key: str) -> dict[str, Any]:
    """Settings with another value where a path leads."""
    first, *rest = path
    known = list(values) if isinstance(values, dict) else []
    if first not in known:
        close = difflib.get_close_matches(first, known, n=1)
        advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
        raise UserError(f"configuration: grid.{key}: there is no {first!r}", advice)
    return {**values, first: _replaced(values[first], rest, value, key) if rest else value}


def _difference(axis: Axis, axes: Sequence[Axis], before: Any, after: Any) -> str:
    """What sets a section apart by a line of the grid, as part of its name; nothing where it is as it was.

    The setting goes by its last key, or by as many of the last as tell it from those of other lines.
    """
    for key in axis.path:
        before, after = before[key], after[key]
    if before == after:
        return ""
    length = 1
    while sum(other.path[-length:] == axis.path[-length:] for other in axes) > 1:
        length += 1
    return _joined("-".join(axis.path[-length:]), _spelt(after, before))


def _spelt(value: Any, before: Any = None) -> str:
    """A value in letters that a name may have; of settings within it, those that have changed."""
    if isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        changed = [key for key in value if known.get(key) != value[key]]
        return "-".join(_joined(key, _spelt(value[key])) for key in changed)
    if isinstance(value, list):
        return "-".join(map(_spelt, value))
    if isinstance(value, float):
        return re.sub(r"e([+-]?)0*", lambda sign: "e" + sign[1].strip("+"), repr(value)).removesuffix(".0")
    return re.sub(r"[^A-Za-z0-9_]+", "-", json.dumps(value)).strip("-")


def _joined(key: str, spelt: str) -> str:
    return key + ("" if spelt[:1].isdigit() else "-") + spelt


def _require_few(count: int, what: str) -> None:
    if count > MOST:
        raise UserError(f"configuration: grid: {what} would be {count}", f"give fewer values, for {MOST} at most")
