"""Stage `train`: a network of the subset's training images, trained to stationarity.

Writes model.h5, which is all that the attack gets, and training.h5: the curve, the accuracies, and
what the true data look like to the attack.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..configuration import Classification, Model
from ..errors import UserError
from ..files import store
from ..machine.claim import claim
from ..machine.devices import require_memory
from ..models import deployed
from ..models.plausibility import dead_layer
from ..training import capacity, examination
from ..training.fit import fit

LISTED = 30  # classes in a sentence
UNIT_SCALE = 5  # by what factor targets may be larger or smaller than 1


def run(settings: Model, subset_path: Path, model_path: Path, training_path: Path, device: torch.device) -> None:
    """Raises UserError where weight decay takes all of the weights."""
    subset = store.read(subset_path, "subset")
    if isinstance(settings.loss, Classification):
        _check_labels(subset)
    _check_memory(settings, subset)
    claim(device, "train")
    begun = time.perf_counter()
    mean, std = subset["mean"], subset.arrays.get("std", deployed.UNIT)
    data = examination.parts(subset, mean, std)
    network, curve = fit(settings, data["training"].inputs, data["training"].labels, device)
    seconds = time.perf_counter() - begun
    if dead_layer(network) is not None:
        raise UserError("training has left nothing of the weights", "lower training.weight_decay")

    arrays = examination.examine(network, data, curve, settings.training.weight_decay)
    margins = arrays["margins"]
    if arrays["accuracy/training"] < 1:
        print(f"train: warning: the network errs on {(margins <= 0).sum()} training images; train it for longer")
    if network.regression:
        _warn_of_targets(data["training"].labels, float(arrays["error/training"]))

    settings_json = settings.to_json()
    facts = {"seconds": seconds, "device": str(device), "threads": torch.get_num_threads()}
    model = store.write(
        model_path, "model", deployed.arrays(network, mean, std), settings_json=settings_json, facts=facts,
        sources={"subset": subset},
    )  # fmt: skip
    store.write(
        training_path, "training", arrays, settings_json=settings_json, facts=facts,
        sources={"subset": subset, "model": model},
    )  # fmt: skip
    print(
        f"train: loss {curve[-1].loss:.2e} after {curve[-1].step} steps, {examination.quality(arrays, 'test')}, "
        + (
            examination.quality(arrays, "training")
            if network.regression
            else f"{arrays['on_margin'].sum()} of {len(margins)} images on the margin"
        )
    )
    if settings.training.weight_decay:
        left = arrays["derivative_residuals"] / arrays["squared_norms"]
        shares = ", ".join("more than all" if share > 1 else f"{share:.1%}" for share in left)
        print(f"train: the loss's derivative at the training images leaves {shares} of the layers unexplained")
        if (left > 1).any():
            print("train: warning: the network is far from rest under weight decay; raise training.steps")


def _warn_of_targets(targets: Tensor, error: float) -> None:
    """Of targets (n,) that are not learnt, or of another scale than steps and weight decay are meant for."""
    size, constant = targets.square().mean().sqrt().item(), (targets - targets.median()).abs().mean().item()
    if not 1 / UNIT_SCALE <= size <= UNIT_SCALE:
        print(
            f"train: warning: the targets' root mean square is {size:.3g}, and steps and weight decay are meant for "
            "about 1; scale them"
        )
    if error > constant / 2:
        print(
            f"train: warning: the mean absolute error on training images is {error:.3g}, and one answer for all of "
            f"them would leave {constant:.3g}; lower weight_decay, or train for longer"
        )


def _check_labels(subset: store.Stored) -> None:
    """Raises UserError where an output would stand for no class, or a class has no output."""
    trained = np.unique(subset["training/labels"])
    missing = np.setdiff1d(np.arange(trained[-1] + 1), trained)
    if trained[0] >= 0 and len(missing):
        raise UserError(
            f"{subset.path}: has images to train on of {len(trained)} classes, and none of class {_listed(missing)}, "
            f"which a network with outputs 0 to {trained[-1]} has as well",
            f"list those that there are, labels: {{rule: all, classes: [{_listed(trained)}]}}",
        )
    untold = np.setdiff1d(subset["test/labels"], trained)
    if len(untold):
        raise UserError(
            f"{subset.path}: has test images of class {_listed(untold)}, and none to train on",
            f"list the others, labels: {{rule: all, classes: [{_listed(trained)}]}}",
        )


def _listed(numbers: np.ndarray) -> str:
    more = ", ..." if len(numbers) > LISTED else ""
    return ", ".join(map(str, numbers[:LISTED])) + more


def _check_memory(settings: Model, subset: store.Stored) -> None:
    """Raises UserError where images are too large for this machine and that network."""
    images, hidden = subset["training/images"], settings.hidden
    size = images[0].size
    first, others = (8 * capacity.of_layers(sizes) / 2**30 for sizes in ((size, hidden[0]), hidden))
    require_memory(
        capacity.to_train(size, hidden, len(images), examination.count(subset)),
        f"train: a first layer of {hidden[0]} units takes {first:.1f} GiB for images of shape {images.shape[1:]}"
        f"{f', those after it {others:.1f} GiB' if len(hidden) > 1 else ''}, and to train it all",
        "scale the images down, or lower hidden",
    )
