"""Stage `adopt`: a model of weights that were trained elsewhere, in place of `train`.

Writes model.h5, which is all that the attack gets, and, of an auditor who has the training images, training.h5:
accuracies and what the true data look like to the attack.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import torch

from ..configuration import AdoptedModel
from ..errors import UserError
from ..files import outside, store
from ..machine.devices import require_memory
from ..models import adopted, deployed
from ..training import capacity, examination
from ..training.descent import record


def run(settings: AdoptedModel, model_path: Path, subset_path: Path | None, training_path: Path | None) -> None:
    """Adopt the weights; raises UserError where they make no network that the attack knows."""
    begun = time.perf_counter()
    weights = Path(settings.weights)
    network, mean, std = adopted.read(settings)
    arrays = deployed.arrays(network, mean, std)
    with outside.opened(weights) as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    facts = {"stage": "adopt", "weights": str(weights), "sha256": sha256}
    sources = {} if subset_path is None else {"subset": store.read(subset_path, "subset")}
    if sources:
        _check_images(sources["subset"], mean.shape)
        require_memory(
            capacity.to_examine(mean.size, network.sizes[1], examination.count(sources["subset"])),
            f"adopt: to examine images of shape {mean.shape}",
            "scale them down, or adopt the weights without images",
        )
    model = store.write(model_path, "model", arrays, settings_json=settings.to_json(), facts=facts, sources=sources)
    print(f"adopt: {network}, {'no' if network.bias is None else 'first-layer'} bias")
    if not sources or training_path is None:
        return

    data = examination.parts(sources["subset"], mean, std)
    network = network.to(dtype=torch.float64)
    found = examination.examine(network, data, [record(0, data["training"].margins(network), network.family)])
    store.write(
        training_path, "training", found, settings_json=settings.to_json(),
        facts={**facts, "seconds": time.perf_counter() - begun, "device": "cpu", "threads": torch.get_num_threads()},
        sources={**sources, "model": model},
    )  # fmt: skip
    _report(found)


def _check_images(subset: store.Stored, shape: tuple[int, ...]) -> None:
    found = subset["training/images"].shape[1:]
    if found != shape:
        raise UserError(f"{subset.path}: has images of shape {found}, and the network takes {shape}", "draw others")


def _report(found: dict[str, np.ndarray]) -> None:
    """Print what tells a wrong label or normalisation, and what the attack can hope for."""
    wrong, count = int((found["margins"] <= 0).sum()), len(found["margins"])
    if wrong:
        swapped = " (were all labels swapped, it would err on the others)" if 2 * wrong > count else ""
        print(
            f"adopt: warning: the network errs on {wrong} of {count} training images{swapped}; "
            "check the labels, mean and std, and that these are its training images"
        )
    left = found["true_residuals"][0] / found["squared_norms"][0]
    print(
        f"adopt: loss {found['curve/loss'][-1]:.2e}, test accuracy {found['accuracy/test']:.1%}, "
        f"{found['on_margin'].sum()} of {count} images on the margin; "
        f"the training images leave {left:.0%} of the first layer unexplained"
    )
