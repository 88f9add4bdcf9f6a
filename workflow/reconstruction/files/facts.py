"""What a file says of itself beside its results, as JSON."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..errors import UserError, shown


class Facts(dict[str, Any]):
    """Values by name; raises UserError where it is asked for one that is not there."""

    def __init__(self, facts: Mapping[str, Any], path: Path) -> None:
        super().__init__(facts)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise UserError(f"{self.path}: does not say its {name}", "remove it and make it again")


class Process(TypedDict):
    host: str
    namespace: str | None
    pid: int
    began: int | None


class Report(TypedDict):
    starts: int
    admissible: int
    new: int
    distinct: int


class Fact(TypedDict, total=False):
    """Those of every kind that programs read."""

    stage: str
    seconds: float
    device: str
    method: Literal["exact", "subspace", "published"]
    reports: list[Report]
    diverged: int
    unexplained: list[float] | None
    restart_settings: dict[str, Any]
    restart_seconds: float
    restart_devices: list[str]
    solving_seconds: float
    shards: dict[str, Fact]
    timings: list[Annotated[list[str | float], Field(min_length=3, max_length=3)]]
    process: Process
    interval: float
    stopped: str | None
    fraction: float
    conditions: dict[str, Any]
    at_once: int
    iteration: int | None


def table(text: Mapping[str, str], name: str) -> dict[str, Any]:
    """The JSON object of that name; raises ValueError."""
    try:
        values = json.loads(text[name])
    except (ValueError, RecursionError):
        raise ValueError(f"its attribute {name} is not JSON, or nested too deep") from None
    if not isinstance(values, dict):
        raise ValueError(f"its attribute {name} is no JSON object")
    return values


def facts_of(text: Mapping[str, str], path: Path) -> Facts:
    """The facts of a file; raises ValueError where one that programs read is of another type."""
    found = table(text, "facts")
    try:
        _checker().validate_python(found, strict=True)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise ValueError(f"its attribute facts has a {shown(where)} of another type") from None
    return Facts(found, path)


@functools.cache
def _checker() -> TypeAdapter[Fact]:
    return TypeAdapter(Fact)
