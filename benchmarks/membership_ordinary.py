"""Membership of ordinary MLPs: PyTorch's initial values, a bias in every layer, some steps of Adam or SGD.

python benchmarks/membership_ordinary.py --images cifar10.npz           images (N, 32, 32, 3) and labels 0 .. 9
python benchmarks/membership_ordinary.py --kinds                        faces against photographs that show none

Beside the scores of the table stands lambda with all layers' equations alike (plain). With --kinds a network is trained
on 50 faces, and the 50 others stand once for others, and once for members: what is told of them then is their kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import torch
from reconstruction.attack.exact.closure import closure
from reconstruction.data import image_files
from reconstruction.evaluation.membership import chosen_score
from reconstruction.evaluation.separation import FALSE_POSITIVE_RATE, area, true_positive_rate
from reconstruction.models.mlp import Network, margins
from reconstruction.training.true_stationarity import even_lambdas, true_stationarity
from skimage.data import lfw_subset
from torch import Tensor, nn

OTHERS = 300  # of CIFAR-10; all that are left of the photographs
VEHICLES = (0, 1, 8, 9)
STEPS = 1500
ENOUGH = {"zero errors": 0, "margins above 3": 3}
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 1e-3),
    "adam 1e-4": lambda parameters: torch.optim.Adam(parameters, 1e-3, weight_decay=1e-4),
    "adamw 1e-2": lambda parameters: torch.optim.AdamW(parameters, 1e-3, weight_decay=1e-2),
    "sgd": lambda parameters: torch.optim.SGD(parameters, 0.05, 0.9),
    "sgd 1e-3": lambda parameters: torch.optim.SGD(parameters, 0.05, 0.9, weight_decay=1e-3),
}


def drawn(data: str, path: str, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (count + others, D) and labels in {-1, 1}; the first are trained on."""
    random = np.random.default_rng(seed)
    if data == "photographs":
        images = random.permutation(lfw_subset()).astype(np.float32)
        labels = np.arange(len(images)) % 2
    else:
        everything = image_files.read_file(path)
        order = random.permutation(len(everything.images))[: count + OTHERS]
        images, labels = everything.images[order], np.arange(len(order)) % 2
        if data == "vehicles":
            labels = np.isin(everything.classes[order], VEHICLES)
    return inputs_of(images), torch.from_numpy(2 * labels.astype(int) - 1).double()


def inputs_of(images: np.ndarray) -> Tensor:
    return (torch.from_numpy(images.reshape(len(images), -1)) - 0.5) / 0.25


def trained(inputs: Tensor, labels: Tensor, width: int, optimiser: str, seed: int) -> Iterator[tuple[str, Network]]:
    """The network as it is when it has learned enough, by each meaning of that which it comes to in STEPS steps."""
    torch.manual_seed(seed)
    layers = [nn.Linear(inputs.shape[1], width), nn.Linear(width, width), nn.Linear(width, 1)]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    descent, waiting = OPTIMISERS[optimiser](model.parameters()), dict(ENOUGH)
    for _ in range(STEPS):
        found = labels.float() * model(inputs)[:, 0]
        for name in [name for name, enough in waiting.items() if found.min() > enough]:
            del waiting[name]
            weights, biases = (
                [getattr(layer, part).detach().double() for layer in layers] for part in ("weight", "bias")
            )
            yield name, Network.of(weights, biases)
        if not waiting:
            return
        descent.zero_grad()
        nn.functional.softplus(-found).mean().backward()
        descent.step()


def scores(network: Network, inputs: Tensor, labels: Tensor) -> dict[str, np.ndarray]:
    inputs = inputs.double()
    return {
        "plain": true_stationarity(network, inputs, labels).lambdas,
        "lambda": even_lambdas(network, inputs, labels),
        "closure": closure(network, inputs, labels).numpy(),
        "margin": margins(network, inputs, labels).numpy(),
    }


def told(found: dict[str, np.ndarray], members: slice, others: slice) -> str:
    """Of each score the AUC, and the rates of members told at 1 % and 5 % false positives."""
    return ", ".join(
        f"{name} {area(score[members], score[others]).value:.2f} "
        + " ".join(
            f"{true_positive_rate(score[members], score[others], rate).value:.2f}"
            for rate in (FALSE_POSITIVE_RATE, 5 * FALSE_POSITIVE_RATE)
        )
        for name, score in found.items()
    )


def kinds(width: int, seed: int) -> None:
    """Of photographs the first hundred are faces; half of them are trained on."""
    faces, others = np.random.default_rng(0).permutation(100), np.arange(100, 200)
    inputs = inputs_of(lfw_subset()[np.concatenate([faces, others])].astype(np.float32))
    labels = torch.arange(len(inputs)).remainder(2).double() * 2 - 1
    members, unseen, no_faces = slice(0, 50), slice(50, 100), slice(100, 200)
    for enough, network in trained(inputs[members], labels[members], width, "adam", seed):
        found = scores(network, inputs, labels)
        for name, some, rest in (
            ("members, other faces", members, unseen),
            ("members, no faces", members, no_faces),
            ("faces never trained on, no faces", unseen, no_faces),
        ):
            print(f"{width} units, seed {seed}, {enough}: {name}: {told(found, some, rest)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", metavar="NPZ", help="CIFAR-10; by default scikit-image's photographs alone")
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 100], help="images that are trained on")
    parser.add_argument("--widths", type=int, nargs="+", default=[50, 100, 200, 500])
    parser.add_argument("--optimisers", nargs="+", choices=OPTIMISERS, default=["adam", "sgd"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--kinds", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.kinds:
        for width, seed in product(options.widths, options.seeds):
            kinds(width, seed)
        return
    sources = ["photographs", *(["vehicles", "alternating"] if options.images else [])]
    for data, count, width, by, seed in product(
        sources, options.counts, options.widths, options.optimisers, options.seeds
    ):
        inputs, labels = drawn(data, options.images, count, seed)
        for enough, network in trained(inputs[:count], labels[:count], width, by, seed):
            found = told(scores(network, inputs, labels), slice(0, count), slice(count, None))
            print(
                f"{data}, {count} images, {width} units, {by}, seed {seed}, {enough}: {found}; "
                f"the verdict goes by {chosen_score(network)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
