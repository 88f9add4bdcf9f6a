"""Stage `reconstruct`: one shard of a sweep, K restarts with different hyperparameters on one device.

Reads the model and nothing else.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import deployed, hyperparameters, preselection, reference, store
from .attack import Attack, begin, choose
from .configuration import Restarts as RestartSettings
from .errors import UserError
from .memory import bytes_per_restart, free, restarts_at_once
from .network import Network
from .precision import has_native_bfloat16
from .progress import Progress
from .search import Outcome, Restarts, candidate_labels, search


def run(settings: RestartSettings, shard: int, model_path: Path, output: Path, device: torch.device) -> None:
    """Raises UserError where the model does not allow the method, or memory does not suffice."""
    model = deployed.read(model_path)
    if settings.engine == "reference" and (model.std != 1).any():
        raise UserError(
            f"{model_path}: divides pixels by std, which engine reference does not know; set engine to fast"
        )
    attack = choose(model.network, settings, box=1 / float(model.std.min()))
    numbers = range(shard * settings.per_shard, (shard + 1) * settings.per_shard)
    drawn = [hyperparameters.draw(attack.settings, settings.seed, number) for number in numbers]
    products = product_dtype(settings, attack.name, device)
    precision = str(products).removeprefix("torch.")
    network, starts = prepare(attack, model.network, settings, numbers, drawn, device, products)

    begun = time.perf_counter()
    progress = Progress(f"reconstruct: shard {shard} ({attack.name}, {device}, {precision})")
    outcome = search_in_batches(attack, network, starts, settings, progress)
    seconds = time.perf_counter() - begun

    labels = candidate_labels(settings.candidates)
    kept = preselection.largest(outcome.candidates, labels, settings.keep)
    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.array([row[name] for row in drawn]) for name in hyperparameters.NAMES},
        "candidates": outcome.candidates.take_along_dim(kept[..., None], 1).float().numpy(),
        "lambdas": outcome.lambdas.take_along_dim(kept, 1).float().numpy(),
        "labels": labels[kept[0]].numpy().astype(np.int8),
        "diverged": outcome.diverged.numpy(),
        "trace/iterations": outcome.iterations.numpy(),
        "trace/residuals": outcome.residuals.numpy(),
    }
    if attack.basis is not None:
        arrays["basis"] = attack.basis.float().numpy()
    facts = {
        "method": attack.name,
        "seconds": seconds,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "products": precision,
    }
    store.write(output, "shard", arrays, settings_json=settings.to_json(), facts=facts, sources={"model": model.stored})
    print(
        f"reconstruct: shard {shard}, {len(numbers)} restarts of {attack.settings.iterations} iterations in "
        f"{seconds:.1f} s, {int(outcome.diverged.sum())} diverged"
    )


def prepare(
    attack: Attack,
    network: Network,
    settings: RestartSettings,
    numbers: range,
    drawn: list[dict[str, float]],
    device: torch.device,
    products: torch.dtype,
) -> tuple[Network, Restarts]:
    """The network on the search space's coordinates in the products' dtype, and where restarts begin there."""
    network = network.to(dtype=torch.float64)
    if attack.basis is not None:
        network = network.project_inputs(attack.basis)
    starts = begin(network.input_size, attack.scales, settings, numbers, drawn)
    parameters = torch.promote_types(products, torch.float32)
    return network.to(device=device, dtype=products), starts.to(device, parameters)


def search_in_batches(
    attack: Attack, network: Network, starts: Restarts, settings: RestartSettings, progress: Progress
) -> Outcome:
    """Search from every start, as many at once as memory allows; raises UserError where not even one fits."""
    device, parameters = starts.candidates.device, starts.candidates.dtype
    at_once = (
        1 if settings.engine == "reference" else restarts_at_once(network, settings.candidates, parameters, device)
    )
    if not at_once:
        needed = bytes_per_restart(network, settings.candidates, parameters)
        raise UserError(
            f"reconstruct: one restart needs {needed / 2**30:.1f} GiB and {device} has {free(device) / 2**30:.1f} GiB "
            "free; lower the sweep's candidates or its precision, or use a larger device"
        )
    iterations = attack.settings.iterations
    record_every = max(1, iterations // settings.trace_points)
    outcomes = []
    for first in range(0, len(starts), at_once):
        batch = starts.only(slice(first, first + at_once))

        def say(iteration: int, residuals: Tensor, first: int = first, count: int = len(batch)) -> None:
            done = (first + count * iteration / iterations) / len(starts)
            progress(done, f"iteration {iteration}, first layer's residual {_best(residuals):.3g} at best")

        if settings.engine == "reference":
            outcomes.append(reference.search(network, batch, iterations, record_every, say))
        else:
            outcomes.append(search(network, attack.method, batch, iterations, record_every, say))
    return Outcome.concatenate(outcomes)


def product_dtype(settings: RestartSettings, method: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; `auto` is bfloat16 in the subspace where the device multiplies it natively."""
    if settings.engine == "reference":
        return torch.float64
    if settings.precision != "auto":
        return getattr(torch, settings.precision)
    return torch.bfloat16 if method == "subspace" and has_native_bfloat16(device) else torch.float32


def _best(residuals: Tensor) -> float:
    """The smallest finite first-layer residual of residuals (K, L); nan where every restart diverged."""
    first = residuals[:, 0]
    finite = first[first.isfinite()]
    return finite.min().item() if len(finite) else float("nan")
