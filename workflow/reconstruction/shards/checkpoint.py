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
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..attack.search.restarts import Outcome, Snapshot
from ..errors import UserError
from ..files import store
from ..files.layout import progress_of

PACKAGE = Path(__file__).parents[1]
SEARCH_CODE = ("attack", "models", "machine", "shards")
PACKAGES = ("torch", "numpy", "scipy")


@dataclass(frozen=True)
class Standing:
    """Where a shard is: which restarts are done, and the batch under way."""

    at_once: int  # restarts in a batch
    done: list[Outcome] = field(default_factory=list)  # of the batches before
    batch: Snapshot | None = None  # None: at its beginning
    seconds: float = 0.0  # searched so far

    @property
    def residuals(self) -> Tensor:
        """(K, L) of the restarts that have a trace, at its end."""
        ends = [outcome.residuals[:, -1] for outcome in self.done]
        return torch.cat(ends + (self.batch.trace[-1:] if self.batch else []) or [torch.empty(0, 0)])


@functools.cache
def code_of_the_search() -> str:
    """A digest of the modules whose code decides the numbers of a shard."""
    digest = hashlib.sha256()
    for path in sorted(file for folder in SEARCH_CODE for file in (PACKAGE / folder).rglob("*.py")):
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
        arrays: dict[str, np.ndarray] = {}
        if standing.done:
            done = Outcome.concatenate(standing.done)
            arrays |= {f"done/{name}": tensor.numpy() for name, tensor in vars(done).items()}
        batch = standing.batch
        if batch:
            arrays["batch/trace_iterations"] = np.array(batch.trace_iterations, np.int64)
            arrays |= {f"batch/tensors/{name}": tensor.numpy() for name, tensor in batch.tensors.items()}
            if batch.trace:
                arrays["batch/trace"] = torch.stack(batch.trace).numpy()
        facts = {
            **facts,
            "conditions": self.conditions,
            "at_once": standing.at_once,
            "seconds": standing.seconds,
            "iteration": batch.iteration if batch else None,
        }
        store.write(
            self.path, "progress", arrays, settings_json=self.settings_json, facts=facts,
            sources={"model": self.model}, compress=False,
        )  # fmt: skip

    def read(self, fitting: int) -> Standing | None:
        """Where an earlier run was, or None; raises UserError where what it has left does not serve.

        fitting: how many restarts the device has room for.
        """
        if not self.path.exists():
            return None
        stored = store.read(self.path, "progress")
        difference = self._difference(stored, fitting)
        if difference:
            raise UserError(f"{self.path}: {difference}", "remove it")
        return _standing(stored)

    def _difference(self, stored: store.Stored, fitting: int) -> str:
        """Why a sound checkpoint does not serve; nothing where it does."""
        same = {
            "model": stored.sources["model"] == self.model.digest,
            "configuration": stored.settings == json.loads(self.settings_json),
            **{name: stored.facts["conditions"].get(name) == value for name, value in self.conditions.items()},
        }
        if not all(same.values()):
            return f"of another {', '.join(name for name, is_same in same.items() if not is_same)}"
        if stored.facts["at_once"] > fitting:
            return "of more restarts at once than the device has room for"
        return ""

    def remove(self) -> None:
        """Remove the file, and what writers that were killed have left of it."""
        for path in (self.path, *self.path.parent.glob(f".{glob.escape(self.path.name)}.*.tmp")):
            with contextlib.suppress(OSError):
                path.unlink()


def _standing(stored: store.Stored) -> Standing:
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in stored.arrays.items()}

    def group(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    done, batch = group("done/"), None
    iteration = stored.facts["iteration"]
    if iteration is not None:
        trace = list(tensors.get("batch/trace", ()))
        batch = Snapshot(iteration, group("batch/tensors/"), tensors["batch/trace_iterations"].tolist(), trace)
    return Standing(stored.facts["at_once"], [Outcome(**done)] if done else [], batch, stored.facts["seconds"])


def _processor() -> str:
    """The CPU's model and the instructions that PyTorch uses of it."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model} ({torch.backends.cpu.get_cpu_capability()})"
