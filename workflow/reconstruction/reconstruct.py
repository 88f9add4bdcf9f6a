"""Stage `reconstruct`: one shard of a sweep, K restarts with different hyperparameters, batched on one device.

Reads the model and nothing else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import deployed, hyperparameters, store
from .configuration import Restarts as RestartSettings
from .configuration import Search
from .errors import UserError
from .network import Network
from .progress import Progress
from .search import METHODS, Method, Restarts, candidate_labels, search
from .span import NoSubspace, weight_span


@dataclass(frozen=True)
class Attack:
    """A method that the model allows, with its settings and its search space: basis (r, D), or None for pixels."""

    name: str
    method: Method
    settings: Search
    basis: Tensor | None


def run(settings: RestartSettings, shard: int, model_path: Path, output: Path, device: torch.device) -> None:
    """Raises UserError where the model does not allow the method, or memory does not suffice."""
    model = deployed.read(model_path)
    attack = choose(model.network, settings)
    numbers = range(shard * settings.per_shard, (shard + 1) * settings.per_shard)
    drawn = [hyperparameters.draw(attack.settings, settings.seed, number) for number in numbers]

    dtype = getattr(torch, settings.precision)
    network = (
        model.network if attack.basis is None else model.network.to(dtype=torch.float64).project_inputs(attack.basis)
    )
    starts = begin(network.input_size, settings, numbers, drawn).to(device, dtype)
    iterations = attack.settings.iterations
    progress = Progress(f"reconstruct: shard {shard} ({attack.name}, {device})")
    begun = time.perf_counter()
    try:
        outcome = search(
            network.to(device=device, dtype=dtype),
            attack.method,
            starts,
            iterations,
            max(1, iterations // settings.trace_points),
            lambda iteration, residuals: progress(
                iteration / iterations, f"iteration {iteration}, first layer's residual {_best(residuals):.3g} at best"
            ),
        )
    except torch.OutOfMemoryError:
        raise UserError(
            f"shard {shard}: {device} has too little memory; lower per_shard or candidates in the sweep"
        ) from None
    seconds = time.perf_counter() - begun

    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.array([row[name] for row in drawn]) for name in hyperparameters.NAMES},
        "candidates": outcome.candidates.float().cpu().numpy(),
        "lambdas": outcome.lambdas.float().cpu().numpy(),
        "labels": candidate_labels(settings.candidates).numpy().astype(np.int8),
        "diverged": outcome.diverged.cpu().numpy(),
        "trace/iterations": outcome.iterations.numpy(),
        "trace/residuals": outcome.residuals.numpy(),
    }
    if attack.basis is not None:
        arrays["basis"] = attack.basis.float().numpy()
    facts = {
        "method": attack.name, "seconds": seconds, "device": str(device), "threads": torch.get_num_threads()
    }  # fmt: skip
    store.write(output, "shard", arrays, settings_json=settings.to_json(), facts=facts, sources={"model": model.stored})
    print(
        f"reconstruct: shard {shard}, {len(numbers)} restarts of {iterations} iterations in {seconds:.1f} s, "
        f"{int(outcome.diverged.sum())} diverged"
    )


def choose(network: Network, settings: RestartSettings) -> Attack:
    """The method of the settings; raises UserError where the model does not allow `subspace`."""
    if settings.method != "published":
        try:
            basis = weight_span(network.weights[0], settings.subspace.rank)
            return Attack("subspace", METHODS["subspace"], settings.subspace, basis)
        except NoSubspace as error:
            if settings.method == "subspace":
                raise UserError(f"method subspace: {error}; set method to published, or give subspace.rank") from None
            print(f"reconstruct: {error}; searching full pixels with the published method")
    return Attack("published", METHODS["published"], settings.published, None)


def begin(size: int, settings: RestartSettings, numbers: range, drawn: list[dict[str, float]]) -> Restarts:
    """Where the restarts of these numbers begin, in a search space of the given size; float64."""
    starts = [
        hyperparameters.initial_values(settings.seed, number, settings.candidates, size, row["initial_scale"])
        for number, row in zip(numbers, drawn, strict=True)
    ]
    fields = ("learning_rate", "lambda_learning_rate", "lambda_min", "alpha")
    return Restarts(
        candidates=torch.stack([x for x, _ in starts]),
        lambdas=torch.stack([lambdas for _, lambdas in starts]),
        **{name: torch.tensor([row[name] for row in drawn], dtype=torch.float64) for name in fields},
    )


def _best(residuals: Tensor) -> float:
    """The smallest finite first-layer residual of residuals (K, L); nan where every restart diverged."""
    first = residuals[:, 0]
    finite = first[first.isfinite()]
    return finite.min().item() if len(finite) else float("nan")
