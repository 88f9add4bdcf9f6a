"""Stage `reconstruct`: one shard of a sweep, K restarts on one device.

A restart is a search by gradients with hyperparameters of its own or, where the weights allow the exact attack, a
batch of random starts of the hunt for gate patterns. Reads the model and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..attack.plan import Attack, Gates, NoGates, choose, gates
from ..attack.search.priors import Pixels
from ..attack.search.starts import NAMES, draw
from ..configuration import Restarts
from ..errors import UserError
from ..files import store
from ..machine.claim import claim
from ..machine.progress import Progress
from ..machine.signals import Notice
from ..models import deployed
from ..models.deployed import Deployed
from ..shards import preselection
from ..shards.batches import prepare, product_dtype, search_facts, search_in_batches
from ..shards.checkpoint import Checkpoint, conditions
from ..shards.exploration import explore
from ..shards.saving import Keeper

TOO_LARGE = 2.0  # times a usual image's norm

Made = tuple[dict[str, np.ndarray], dict[str, Any], str]  # arrays and facts of a shard, and what was found in words


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
    notice = notice or Notice()
    model = deployed.read(model_path)
    attack = choose_attack(model, settings)
    numbers = range(shard * settings.per_shard, (shard + 1) * settings.per_shard)
    if isinstance(attack, Gates):
        if device.type != "cpu":
            say("the exact attack runs on the CPU")
        device, products = torch.device("cpu"), torch.float32
    else:
        claim(device, f"reconstruct: shard {shard}", notice)
        products = product_dtype(settings, attack.name, device)
    precision = str(products).removeprefix("torch.")
    checkpoint = Checkpoint(output, settings.to_json(), model.stored, conditions(shard, device, precision))
    keeper = Keeper(checkpoint, notice, checkpoint_seconds, model.network.squared_norms, say)
    searched = "/".join(model_path.absolute().parts[-3:-1])  # DATASET/MODEL
    progress = Progress(f"reconstruct: {searched}, shard {shard} ({attack.name}, {device}, {precision})")
    if isinstance(attack, Gates):
        arrays, facts, found = hunt(attack, numbers, device, progress, keeper)
    else:
        arrays, facts, found = descend(attack, model, settings, numbers, device, products, progress, keeper)
    facts |= {
        "method": attack.name,
        "seconds": keeper.seconds,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "products": precision,
    }
    store.write(output, "shard", arrays, settings_json=settings.to_json(), facts=facts, sources={"model": model.stored})
    checkpoint.remove()
    print(f"reconstruct: shard {shard}, {found}, in {keeper.seconds:.1f} s")


def choose_attack(model: Deployed, settings: Restarts) -> Gates | Attack:
    """The first that settings and weights allow; says why where it is not the one preferred."""
    if settings.method in ("auto", "exact"):
        try:
            exact = gates(model.network, settings, model.stds)
        except NoGates as error:
            if settings.method == "exact" and not is_scrambled(model):
                raise UserError(f"method exact: {error}", "set method to auto") from None
            say(f"{error}; searching by gradients")
        else:
            if exact.note:
                say(f"warning: {exact.note}")
            return exact
    attack = choose(model.network, settings, Pixels(torch.from_numpy(model.mean), model.stds))
    if attack.note:
        say(attack.note)
    return attack


def hunt(exact: Gates, numbers: range, device: torch.device, progress: Progress, keeper: Keeper) -> Made:
    """Batches of starts, and the gate patterns that they end in."""
    explored = explore(exact, numbers, progress, keeper, device)
    arrays = {"restart": np.array(numbers), **explored.arrays(), **exact.space.arrays()}
    starts, patterns = sum(report.starts for report in explored.reports), len(explored.solutions)
    return arrays, explored.facts(), f"{patterns} gate patterns from {starts} random starts"


def descend(
    attack: Attack,
    model: Deployed,
    settings: Restarts,
    numbers: range,
    device: torch.device,
    products: torch.dtype,
    progress: Progress,
    keeper: Keeper,
) -> Made:
    """Restarts by gradients, and the candidates that they keep."""
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    network, starts = prepare(attack, model.network, settings, numbers, drawn, device, products)
    outcome = search_in_batches(attack, network, starts, progress, keeper)
    labels = network.family.candidate_labels(settings.candidates)
    sizes = outcome.candidates[~outcome.diverged].norm(dim=-1) / model.usual_norm
    if model.mean.any() and sizes.numel() and (times := sizes.median().item()) > TOO_LARGE:
        say(
            f"candidates are {times:.1f} times as large as {'vectors' if model.of_vectors else 'images'} are, as where "
            "lambda begins too small for a model; a larger initial_lambda may sharpen them (docs/search.md)"
        )
    kept = preselection.largest(outcome.candidates, labels, settings.keep)
    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.array([row[name] for row in drawn]) for name in NAMES},
        "candidates": outcome.candidates.take_along_dim(kept[..., None], 1).float().numpy(),
        "lambdas": outcome.lambdas.take_along_dim(kept, 1).float().numpy(),
        "labels": labels[kept[0]].numpy().astype(np.min_scalar_type(-max(network.family.labels, default=1))),
        "diverged": outcome.diverged.numpy(),
        "trace/iterations": outcome.iterations.numpy(),
        "trace/residuals": outcome.residuals.numpy(),
        **attack.method.space.arrays(),
    }
    found = f"{len(numbers)} restarts of {attack.method.iterations} iterations, {int(outcome.diverged.sum())} diverged"
    return arrays, search_facts(outcome.residuals[:, -1], model.network.squared_norms), found


def is_scrambled(model: Deployed) -> bool:
    """Whether the model is a control, which holds no pattern and is searched all the same."""
    return model.stored.facts.get("stage") == "scramble"


def say(line: str) -> None:
    print(f"reconstruct: {line}", flush=True)
