"""Stage `reconstruct`: one shard of a sweep, K restarts with different hyperparameters on one device.

Reads the model and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..attack.plan import Attack, begin, choose
from ..attack.search import reference
from ..attack.search.engine import Outcome, Restarts, Snapshot, candidate_labels, search
from ..attack.search.starts import NAMES, draw
from ..configuration import Restarts as RestartSettings
from ..errors import UserError
from ..files import store
from ..machine.devices import free, has_native_bfloat16
from ..machine.progress import Progress
from ..machine.signals import Notice
from ..models import deployed
from ..models.mlp import Network
from ..shards import preselection
from ..shards.capacity import bytes_per_restart, restarts_at_once
from ..shards.checkpoint import Checkpoint, Standing, conditions
from ..shards.saving import Keeper, search_facts


def run(
    settings: RestartSettings,
    shard: int,
    model_path: Path,
    output: Path,
    device: torch.device,
    checkpoint_seconds: float = 60,
    notice: Notice | None = None,
) -> None:
    """Raises UserError where the model does not allow the method, or memory does not suffice.

    An interrupted shard goes on from its checkpoint, which is saved every checkpoint_seconds, and where notice of a
    signal is given, whereupon Interrupted is raised.
    """
    model = deployed.read(model_path)
    if settings.engine == "reference" and (model.std != 1).any():
        raise UserError(
            f"{model_path}: divides pixels by std, which engine reference does not know", "set engine to fast"
        )
    attack = choose(model.network, settings, box=1 / float(model.std.min()))
    numbers = range(shard * settings.per_shard, (shard + 1) * settings.per_shard)
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    products = product_dtype(settings, attack.name, device)
    precision = str(products).removeprefix("torch.")
    network, starts = prepare(attack, model.network, settings, numbers, drawn, device, products)

    checkpoint = Checkpoint(output, settings.to_json(), model.stored, conditions(shard, device, precision))
    squared_norms = model.network.squared_norms
    searched = "/".join(model_path.absolute().parts[-3:-1])  # DATASET/MODEL
    progress = Progress(f"reconstruct: {searched}, shard {shard} ({attack.name}, {device}, {precision})")
    keeper = Keeper(checkpoint, notice or Notice(), checkpoint_seconds, squared_norms)
    outcome = search_in_batches(attack, network, starts, settings, progress, keeper)

    labels = candidate_labels(settings.candidates)
    kept = preselection.largest(outcome.candidates, labels, settings.keep)
    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.array([row[name] for row in drawn]) for name in NAMES},
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
        "seconds": keeper.seconds,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "products": precision,
        **search_facts(outcome.residuals[:, -1], squared_norms),
    }
    store.write(output, "shard", arrays, settings_json=settings.to_json(), facts=facts, sources={"model": model.stored})
    checkpoint.remove()
    print(
        f"reconstruct: shard {shard}, {len(numbers)} restarts of {attack.settings.iterations} iterations in "
        f"{keeper.seconds:.1f} s, {int(outcome.diverged.sum())} diverged"
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
    attack: Attack,
    network: Network,
    starts: Restarts,
    settings: RestartSettings,
    progress: Progress,
    keeper: Keeper | None = None,
) -> Outcome:
    """Search from every start, as many at once as memory allows; raises UserError where not even one fits.

    keeper: of a checkpoint to go on from; engine `reference` goes on with the restart that it had begun.
    """
    device, parameters = starts.candidates.device, starts.candidates.dtype
    is_reference = settings.engine == "reference"
    fitting = 1 if is_reference else restarts_at_once(network, settings.candidates, parameters, device)
    if not fitting:
        needed = bytes_per_restart(network, settings.candidates, parameters)
        raise UserError(
            f"reconstruct: one restart needs {needed / 2**30:.1f} GiB and {device} has {free(device) / 2**30:.1f} GiB "
            "free",
            "lower the sweep's candidates or its precision, or use a larger device",
        )
    iterations = attack.settings.iterations
    record_every = max(1, iterations // settings.trace_points)
    standing = (keeper and keeper.go_on(fitting)) or Standing(min(fitting, len(starts)))
    outcomes = list(standing.done)

    def search_batch(first: int, begun: Snapshot | None) -> Outcome:
        batch = starts.only(slice(first, first + standing.at_once))

        def fraction(iteration: int) -> float:
            return (first + len(batch) * iteration / iterations) / len(starts)

        def say(iteration: int, residuals: Tensor) -> None:
            if not (keeper and keeper.notice.received):  # the signal may have ended whoever reads the line
                note = f"iteration {iteration}, first layer's residual {_best(residuals):.3g} at best"
                progress(fraction(iteration), note)

        def pause(iteration: int, snapshot: Callable[[], Snapshot | None] = lambda: None) -> None:
            if keeper:
                keeper.pause(lambda: Standing(standing.at_once, outcomes, snapshot()), fraction(iteration))

        if is_reference:
            return reference.search(network, batch, iterations, record_every, say, pause)
        return search(network, attack.method, batch, iterations, record_every, say, begun, pause)

    begun = standing.batch
    for first in range(sum(map(len, outcomes)), len(starts), standing.at_once):
        outcomes.append(search_batch(first, begun))
        begun = None
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
