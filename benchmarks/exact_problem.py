"""Networks to attack exactly: images of a data set, and a network trained on them, kept in a cache folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.equations import Equations, equations
from reconstruction.attack.exact.hunt import Hunt, Plan, Report
from reconstruction.attack.exact.prior import from_weights
from reconstruction.attack.exact.search import Solutions
from reconstruction.attack.exact.solve import Images
from reconstruction.configuration import Dataset, Model, Training
from reconstruction.data.drawing import Drawn, draw
from reconstruction.data.sources import load
from reconstruction.models.mlp import Network
from reconstruction.training.fit import fit

PICTURES = {"faces": (1, 25, 25), "cifar10": (3, 32, 32), "mnist": (1, 28, 28)}
HIDDEN = {"faces": [500, 500], "cifar10": [1000, 1000], "mnist": [1000, 1000]}


@dataclass(frozen=True)
class Problem:
    """Network inputs (n, D), mean-subtracted, of training and of held-out images; labels (n,) in {-1, +1}; the network
    float64, as the float32 weights that a deployed model has; std (C, H, W), what pixels are divided by."""

    training: torch.Tensor
    labels: torch.Tensor
    held_out: torch.Tensor
    network: Network
    std: torch.Tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=HIDDEN, default="faces")
    parser.add_argument("--source", help="NPZ of CIFAR-10's images and labels, or the folder of MNIST/raw")
    parser.add_argument("--images", type=int, default=50, metavar="N", help="training images, half of each label")
    parser.add_argument("--weight-decay", type=float, default=1e-3)
    parser.add_argument("--network-seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("exact-cache"), help="folder that keeps trained networks")


def prepare(options: argparse.Namespace) -> Problem:
    """Draw the images, and train the network or take it from the cache."""
    training, labels, held_out = images_of(options.data, options.source, options.images)
    return Problem(training, labels, held_out, _network(options, training, labels), std_of(options.data))


def images_of(
    data: str, source: str | None, count: int, held_out: int | None = None, classes: int = 2
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """training, labels and held_out of a Problem; held_out: how many, by default as many as trained on; classes: of
    more than two, the first so many of the source."""
    dataset = Dataset.model_validate(
        {
            "per_label": count // classes,
            "held_out_per_label": None if held_out is None else held_out // classes,
            **_source(data, source),
            **({"labels": {"rule": "all"}} if classes > 2 else {}),
        }
    )
    pool = load(dataset.source).training
    if classes > 2:
        wanted = pool.classes < classes
        pool = replace(pool, images=pool.images[wanted], classes=pool.classes[wanted])
    trained, others = draw(pool, dataset)
    mean = pool.images[trained.indices].mean(0, dtype=np.float64).astype(np.float32)

    def inputs(part: Drawn) -> torch.Tensor:
        return torch.from_numpy((pool.images[part.indices] - mean).reshape(len(part.indices), -1)).double()

    labels = torch.from_numpy(trained.labels).double()
    return inputs(trained), labels, inputs(others)


def std_of(data: str) -> torch.Tensor:
    """(C, H, W): pixels are divided by nothing."""
    return torch.ones(PICTURES[data])


def _source(data: str, source: str | None) -> dict[str, object]:
    if data == "faces":
        return {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}}
    if data == "cifar10":
        labels = {"rule": "classes", "negative": [0, 1, 8, 9], "positive": [2, 3, 4, 5, 6, 7]}
        return {"source": {"kind": "file", "path": source}, "labels": labels}
    labels = {"rule": "classes", "negative": [0, 2, 4, 6, 8], "positive": [1, 3, 5, 7, 9]}
    return {"source": {"kind": "mnist", "root": source}, "labels": labels}


def _network(options: argparse.Namespace, inputs: torch.Tensor, labels: torch.Tensor) -> Network:
    name = f"{options.data}-n{options.images}-decay{options.weight_decay:g}-seed{options.network_seed}.npz"
    path = options.cache / name
    if not path.exists():
        training = Training(weight_decay=options.weight_decay)
        settings = Model(hidden=HIDDEN[options.data], seed=options.network_seed, training=training)
        trained, _ = fit(settings, inputs, labels, torch.device(getattr(options, "device", "cpu")))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, bias=trained.bias.float(), **{f"w{k}": w.float() for k, w in enumerate(trained.weights)})
    with np.load(path) as arrays:
        weights = [torch.from_numpy(arrays[f"w{k}"]).double() for k in range(len(arrays) - 1)]
        return Network(tuple(weights), torch.from_numpy(arrays["bias"]).double())


@dataclass(frozen=True)
class Found:
    """images: (k, D), network inputs, of the solutions, which are in the rows of the equations; solved: as they
    came out of the equations; starts: how many were searched from."""

    images: torch.Tensor
    solutions: Solutions
    equations: Equations
    solved: Images
    starts: int


def attack(
    network: Network,
    std: torch.Tensor | None,
    starts: int,
    seed: int,
    plan: Plan,
    rank: int | None = None,
    say: Callable[[str, Report], None] = lambda phase, report: None,
) -> Found:
    """Explore, deflate and solve, in one process; nothing found is no images. std: of gates in plan.py."""
    system = equations(network, condition(network, rank).rank)
    hunt, searched = Hunt(system, from_weights(system, std), plan, seed), 0
    for phase, reports in (("explore", hunt.explore(range(-(-starts // plan.batch)))), ("deflate", hunt.deflate())):
        for report in reports:
            searched += report.starts
            say(phase, report)
    chosen, images = hunt.chosen()
    inputs = images.z[:, : len(system.basis)] @ system.basis
    return Found(inputs, chosen, system, images, searched)
