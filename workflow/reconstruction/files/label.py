"""What a file says of itself, for looking on while others write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from ..errors import UserError
from . import outside
from .facts import Facts, facts_of, table
from .hdf5 import Hdf5
from .store import FORMAT_VERSIONS, SEAL, USER_BLOCK


@dataclass(frozen=True)
class Label:
    """What a file says of itself."""

    settings: dict[str, Any]
    facts: Facts


def glance(path: Path, kind: str) -> Label | None:
    """A file's label without its data sets, not checked against the seal; None where there is no such file to read.

    For looking on while others write: takes no time, no lock, and vanishing or damaged files as absent.
    """
    try:
        with outside.opened(path) as handle:
            if not handle.read(USER_BLOCK).startswith(SEAL):
                return None
            with h5py.File(handle, "r") as file:
                content = Hdf5(file, str(path), outside.size(handle))
                if content.number("format_version") != FORMAT_VERSIONS[kind] or content.text("kind") != kind:
                    return None
                text = {name: content.text(name) for name in ("settings", "facts")}
        return Label(table(text, "settings"), facts_of(text, path))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, UserError):
        return None
