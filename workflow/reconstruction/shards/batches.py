"""The restarts of a shard in batches, as many at once as the device has room for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..attack.plan import Attack
from ..attack.search.engine import Search
from ..attack.search.restarts import Outcome, Snapshot, Starts
from ..attack.search.starts import begin
from ..configuration import Restarts
from ..errors import UserError
from ..files import store
from ..machine.devices import free, has_native_bfloat16
from ..machine.progress import Progress
from ..models.mlp import Network
from .capacity import bytes_per_restart, compiling_pays, restarts_at_once
from .checkpoint import Standing
from .saving import Keeper


@dataclass(frozen=True)
class Searched(Standing):
    """Which restarts are done, and the batch under way."""

    at_once: int = 1  # restarts in a batch
    outcomes: list[Outcome] = field(default_factory=list)  # of the batches before
    batch: Snapshot | None = None  # None: at its beginning

    @property
    def done(self) -> str:
        iterations = f" and {self.batch.iteration} iterations" if self.batch else ""
        return f"{sum(map(len, self.outcomes))} restarts{iterations}"

    def arrays(self) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        if self.outcomes:
            found = vars(Outcome.concatenate(self.outcomes))
            arrays |= {f"done/{name}": tensor.numpy() for name, tensor in found.items()}
        if self.batch:
            arrays["batch/trace_iterations"] = np.array(self.batch.trace_iterations, np.int64)
            arrays |= {f"batch/tensors/{name}": tensor.numpy() for name, tensor in self.batch.tensors.items()}
            if self.batch.trace:
                arrays["batch/trace"] = torch.stack(self.batch.trace).numpy()
        return arrays

    def facts(self) -> dict[str, Any]:
        return {"at_once": self.at_once, "iteration": self.batch.iteration if self.batch else None}

    def signs(self, squared_norms: Tensor) -> dict[str, Any]:
        ends = [outcome.residuals[:, -1] for outcome in self.outcomes]
        traced = ends + (self.batch.trace[-1:] if self.batch else [])
        return search_facts(torch.cat(traced or [torch.empty(0, 0)]), squared_norms)

    @classmethod
    def of(cls, stored: store.Stored, fitting: int) -> Self:
        if stored.facts["at_once"] > fitting:
            problem = f"{stored.path}: of more restarts at once than the device has room for"
            raise UserError(problem, "remove it")
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in stored.arrays.items()}

        def group(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

        done, batch = group("done/"), None
        if (iteration := stored.facts["iteration"]) is not None:
            trace = list(tensors.get("batch/trace", ()))
            batch = Snapshot(iteration, group("batch/tensors/"), tensors["batch/trace_iterations"].tolist(), trace)
        outcomes = [Outcome(**done)] if done else []
        return cls(stored.facts["seconds"], stored.facts["at_once"], outcomes, batch)


def search_facts(residuals: Tensor, squared_norms: Tensor) -> dict[str, Any]:
    """For those who look on, of residuals (K, L): restarts that left the finite numbers, and the smallest share of each
    layer's squared norm (L,) that one of the others leaves unexplained."""
    finite = residuals.isfinite().all(-1)
    shares = (residuals[finite].double() / squared_norms).amin(0).tolist() if finite.any() else None
    return {"diverged": int((~finite).sum()), "unexplained": shares}


def prepare(
    attack: Attack,
    network: Network,
    settings: Restarts,
    numbers: range,
    drawn: list[dict[str, float]],
    device: torch.device,
    products: torch.dtype,
) -> tuple[Network, Starts]:
    """The network on the search space's coordinates in the products' dtype, and where restarts begin there."""
    space = attack.method.space
    network = space.restrict(network.to(dtype=torch.float64))
    signed = not network.family.lambda_has_a_sign
    starts = begin(network.input_size, space, settings, numbers, drawn, attack.settings.initial_lambda, signed)
    parameters = torch.promote_types(products, torch.float32)
    return network.to(device=device, dtype=products), starts.to(device, parameters)


def search_in_batches(
    attack: Attack, network: Network, starts: Starts, progress: Progress, keeper: Keeper | None = None
) -> Outcome:
    """Search from every start, as many at once as memory allows; raises UserError where not even one fits.

    keeper: of a checkpoint to go on from.
    """
    device, parameters, candidates = starts.candidates.device, starts.candidates.dtype, starts.candidates.shape[1]
    fitting = restarts_at_once(network, candidates, parameters, device, attack.method.pixels)
    if not fitting:
        needed = bytes_per_restart(network, candidates, parameters, attack.method.pixels)
        raise UserError(
            f"reconstruct: one restart needs {needed / 2**30:.1f} GiB and {device} has {free(device) / 2**30:.1f} GiB "
            "free",
            "lower the sweep's candidates or its precision, or use a larger device",
        )
    standing = (keeper and keeper.go_on(Searched, fitting)) or Searched(0.0, min(fitting, len(starts)))
    outcomes, iterations = list(standing.outcomes), attack.method.iterations
    compiles = compiling_pays(network, candidates, iterations, len(starts), device)

    def search_batch(first: int, begun: Snapshot | None) -> Outcome:
        batch = starts.only(slice(first, first + standing.at_once))
        search = Search(network, attack.method, batch, begun, compiles)
        while not search.is_done:
            iteration = search.iteration
            done = (first + len(batch) * iteration / iterations) / len(starts)
            if keeper:
                keeper.pause(lambda: Searched(0.0, standing.at_once, outcomes, search.snapshot()), done)
            residuals = search.step()
            if residuals is not None and not (keeper and keeper.notice.received):  # which ends the line's reader, too
                progress(done, f"iteration {iteration}, first layer's residual {_best(residuals):.3g} at best")
        return search.outcome()

    begun = standing.batch
    for first in range(sum(map(len, outcomes)), len(starts), standing.at_once):
        outcomes.append(search_batch(first, begun))
        begun = None
    return Outcome.concatenate(outcomes)


def product_dtype(settings: Restarts, method: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; `auto` is bfloat16 in the subspace where the device multiplies it natively."""
    if settings.precision != "auto":
        return getattr(torch, settings.precision)
    return torch.bfloat16 if method == "subspace" and has_native_bfloat16(device) else torch.float32


def _best(residuals: Tensor) -> float:
    """The smallest finite first-layer residual of residuals (K, L); nan where every restart diverged."""
    first = residuals[:, 0]
    finite = first[first.isfinite()]
    return finite.min().item() if len(finite) else float("nan")
