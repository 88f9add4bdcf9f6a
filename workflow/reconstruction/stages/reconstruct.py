"""Stage `reconstruct`: one shard of a sweep, K restarts with different hyperparameters on one device.

Reads the model and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..attack.plan import choose
from ..attack.search.starts import NAMES, draw
from ..configuration import Restarts
from ..files import store
from ..machine.progress import Progress
from ..machine.signals import Notice
from ..models import deployed
from ..shards import preselection
from ..shards.batches import prepare, product_dtype, search_in_batches
from ..shards.checkpoint import Checkpoint, conditions
from ..shards.saving import Keeper, search_facts


def run(
    settings: Restarts,
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
    attack = choose(model.network, settings, box=1 / float(model.std.min()))
    if attack.note:
        print(f"reconstruct: {attack.note}")
    numbers = range(shard * settings.per_shard, (shard + 1) * settings.per_shard)
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    products = product_dtype(settings, attack.name, device)
    precision = str(products).removeprefix("torch.")
    network, starts = prepare(attack, model.network, settings, numbers, drawn, device, products)

    checkpoint = Checkpoint(output, settings.to_json(), model.stored, conditions(shard, device, precision))
    squared_norms = model.network.squared_norms
    searched = "/".join(model_path.absolute().parts[-3:-1])  # DATASET/MODEL
    progress = Progress(f"reconstruct: {searched}, shard {shard} ({attack.name}, {device}, {precision})")
    keeper = Keeper(checkpoint, notice or Notice(), checkpoint_seconds, squared_norms, say)
    outcome = search_in_batches(attack, network, starts, progress, keeper)

    labels = network.family.candidate_labels(settings.candidates)
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
        **attack.method.space.arrays(),
    }
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
        f"reconstruct: shard {shard}, {len(numbers)} restarts of {attack.method.iterations} iterations in "
        f"{keeper.seconds:.1f} s, {int(outcome.diverged.sum())} diverged"
    )


def say(line: str) -> None:
    print(f"reconstruct: {line}", flush=True)
