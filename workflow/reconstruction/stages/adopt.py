"""Stage `adopt`: a model of weights that were trained elsewhere, in place of `train`.

Writes model.h5, which is all that the attack gets, and, of an auditor who has the training images, training.h5:
accuracies and what the true data look like to the attack.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import torch

from ..configuration import AdoptedModel
from ..errors import UserError
from ..files import outside, store
from ..machine.devices import require_memory
from ..models import adopted, deployed
from ..models.checkpoints import files_of
from ..models.mlp import Network
from ..training import capacity, examination
from ..training.descent import record
from ..training.verdict import CAUSES, OTHERWISE, Verdict, by_images, by_weights, reason


def run(settings: AdoptedModel, model_path: Path, subset_path: Path | None, training_path: Path | None) -> None:
    """Adopt the weights; raises UserError where they make no network that the attack knows."""
    begun = time.perf_counter()
    weights = Path(settings.weights)
    found = adopted.read(settings)
    network, mean, std = found.network, found.mean, found.std
    arrays = deployed.arrays(network, mean, std)
    sha256 = hashlib.sha256()
    for file in files_of(weights):
        with outside.opened(file) as handle:
            while part := handle.read(2**20):
                sha256.update(part)
    facts = {"stage": "adopt", "weights": str(weights), "sha256": sha256.hexdigest()}
    sources = {} if subset_path is None else {"subset": store.read(subset_path, "subset")}
    if sources:
        _check_images(sources["subset"], mean.shape, network)
        require_memory(
            capacity.to_examine(mean.size, network.sizes[1], examination.count(sources["subset"])),
            f"adopt: to examine images of shape {mean.shape}",
            "scale them down, or adopt the weights without images",
        )
    model = store.write(model_path, "model", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    with_bias = [str(layer) for layer, bias in enumerate(network.biases, start=1) if bias is not None]
    biases = f"a bias in layer {', '.join(with_bias)}" if with_bias else "no bias"
    say(f"{network}, {network.activation}, {biases}", *found.notes)
    if not sources or training_path is None:
        conclude(by_weights(network, mean.shape))
        return

    data = examination.parts(sources["subset"], mean, std)
    network = network.to(dtype=torch.float64)
    trained = data["training"]
    examined = examination.examine(network, data, [record(0, trained.outputs(network), trained.labels, network.family)])
    store.write(
        training_path, "training", examined, settings_json=settings.to_json(),
        facts={**facts, "seconds": time.perf_counter() - begun, "device": "cpu", "threads": torch.get_num_threads()},
        sources={**sources, "model": model},
    )  # fmt: skip
    wrong = examination.mistakes(examined["margins"], "training images", network.family)
    if wrong:
        say(f"warning: {wrong}; {CAUSES}, and that these are its training images")
    say(
        f"loss {examined['curve/loss'][-1]:.2e}, {examination.quality(examined, 'test')}, "
        f"{examined['on_margin'].sum()} of {len(examined['margins'])} images on the margin"
    )
    conclude(by_images(network, examination.unexplained(examined)))


def _check_images(subset: store.Stored, shape: tuple[int, ...], network: Network) -> None:
    found = subset["training/images"].shape[1:]
    if found != shape:
        raise UserError(f"{subset.path}: has inputs of shape {found}, and the network takes {shape}", "draw others")
    labels = {label for part in examination.PARTS for label in subset[f"{part}/labels"].tolist()}
    outputs = network.family.outputs
    if not (network.regression or labels <= set(network.family.labels)):
        rule = "two labels, by the rule classes, alternating or random"
        if outputs > 1:
            rule = "the rule all, its classes listed in the order of the outputs, labels: {rule: all, classes: [...]}"
        raise UserError(
            f"{subset.path}: has labels {', '.join(map(str, sorted(labels)))}, and the network has {outputs} output"
            f"{'s' * (outputs > 1)}",
            f"draw images by {rule}",
        )


def conclude(verdict: Verdict) -> None:
    """Say whether what the attack assumes holds, and by which figure."""
    warning = causes = ""
    if verdict.is_doubtful:
        warning, causes = "warning: ", f"; {OTHERWISE}; if that cannot be, {CAUSES}"
    say(f"{warning}{verdict}: {reason(verdict.columns)}{causes}")


def say(*lines: str) -> None:
    for line in lines:
        print(f"adopt: {line}", flush=True)
