"""A shard that was interrupted goes on where it was, and ends where it would have ended, to the bit.

While a shard is searched, a private file beside its output is written anew at an interval, at the start, and at a
signal that ends the process. It goes when the shard is written. Numbers depend on the device, the libraries and
the threads, so a file from other ones is left out and the shard starts over.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import json
import platform
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from ..files import store
from ..files.layout import progress_of

PACKAGE = Path(__file__).parents[1]
SEARCH_CODE = ("attack", "models", "machine", "shards", "schedules.py")
PACKAGES = ("torch", "numpy", "scipy")

AnyStanding = TypeVar("AnyStanding", bound="Standing")


@dataclass(frozen=True)
class Standing(ABC):
    """Where a shard is, whatever its method: all that its search needs to go on."""

    seconds: float  # searched so far

    @property
    @abstractmethod
    def done(self) -> str:
        """What is done, in words."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What a file keeps of it, beside the facts."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What a file keeps of it that JSON can hold."""

    @abstractmethod
    def signs(self, squared_norms: Tensor) -> dict[str, Any]:
        """For those who look on: how far it has come; squared_norms: (L,), of the layers."""

    @classmethod
    @abstractmethod
    def of(cls, stored: store.Stored, fitting: int) -> Self:
        """Raises UserError where it does not serve; fitting: how many restarts the device has room for."""


@functools.cache
def code_of_the_search() -> str:
    """A digest of the modules whose code decides the numbers of a shard."""
    digest = hashlib.sha256()
    for path in sorted(file for part in SEARCH_CODE for file in (PACKAGE / part, *(PACKAGE / part).rglob("*.py"))):
        if path.is_dir():
            continue
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def conditions(shard: int, device: torch.device, products: str) -> dict[str, Any]:
    """What, beside model and settings, the numbers of a shard depend on; the names are for people."""
    return {
        "shard": shard,
        "code of the search": code_of_the_search(),
        **{f"version of {name}": version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "number of threads": torch.get_num_threads(),
        "precision": products,
    }


@dataclass(frozen=True)
class Checkpoint:
    """The file that a shard goes on from."""

    output: Path
    settings_json: str
    model: store.Stored
    conditions: dict[str, Any]

    @property
    def path(self) -> Path:
        return progress_of(self.output)

    def write(self, standing: Standing, facts: Mapping[str, Any]) -> None:
        """Raises UserError where the disk refuses."""
        facts = {**facts, **standing.facts(), "conditions": self.conditions, "seconds": standing.seconds}
        store.write(
            self.path, "progress", standing.arrays(), settings_json=self.settings_json, facts=facts,
            sources={"model": self.model}, compress=False,
        )  # fmt: skip

    def read(self, kind: type[AnyStanding], fitting: int) -> AnyStanding | None:
        """Where an earlier run was, or None; raises UserError where what it has left does not serve.

        fitting: how many restarts the device has room for.
        """
        if not self.path.exists():
            return None
        stored = store.read(self.path, "progress")
        difference = self._difference(stored)
        if difference:
            raise UserError(f"{self.path}: of another {', '.join(difference)}", "remove it")
        return kind.of(stored, fitting)

    def _difference(self, stored: store.Stored) -> list[str]:
        """In what a sound checkpoint differs; nothing where it serves."""
        same = {
            "model": stored.sources.get("model") == self.model.digest,
            "configuration": stored.settings == json.loads(self.settings_json),
            **{name: stored.facts["conditions"].get(name) == value for name, value in self.conditions.items()},
        }
        return [name for name, is_same in same.items() if not is_same]

    def remove(self) -> None:
        """Remove the file, and what writers that were killed have left of it."""
        for path in (self.path, *self.path.parent.glob(f".{glob.escape(self.path.name)}.*.tmp")):
            with contextlib.suppress(OSError):
                path.unlink()


def _processor() -> str:
    """The CPU's model and the instructions that PyTorch uses of it."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model} ({torch.backends.cpu.get_cpu_capability()})"
