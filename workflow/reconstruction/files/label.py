"""What a file says of itself, for looking on while others write it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from .store import FORMAT_VERSIONS, SEAL, USER_BLOCK


@dataclass(frozen=True)
class Label:
    """What a file says of itself."""

    settings: dict[str, Any]
    facts: dict[str, Any]


def glance(path: Path, kind: str) -> Label | None:
    """A file's label without its data sets, not checked against the seal; None where there is no such file to read.

    For looking on while others write: takes no time, no lock, and vanishing or damaged files as absent.
    """
    try:
        with path.open("rb") as handle:
            if not handle.read(USER_BLOCK).startswith(SEAL):
                return None
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs["format_version"] != FORMAT_VERSIONS[kind] or file.attrs["kind"].decode() != kind:
                return None
            return Label(*(json.loads(file.attrs[name].decode()) for name in ("settings", "facts")))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError):
        return None
