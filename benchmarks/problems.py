"""The problems that are measured, and how: medians of repeats, side by side, in one process."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from reconstruction.attack.plan import method_of
from reconstruction.attack.search import reference
from reconstruction.attack.search.engine import Method
from reconstruction.attack.search.priors import Pixels
from reconstruction.attack.search.restarts import Starts
from reconstruction.configuration import Dataset, PublishedSearch, SubspaceSearch
from reconstruction.data.drawing import Drawn, draw
from reconstruction.data.images import Pool
from reconstruction.data.sources import load
from reconstruction.evaluation.scores import best
from reconstruction.models.mlp import Network, initialise
from reconstruction.models.space import Space

CPU = torch.device("cpu")
CIFAR_SIZES = (3072, 1000, 1000)


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads (default: all)")
    return parser


def report(name: str, value: float) -> None:
    print(f"{name}: {value:.4g}", flush=True)


def machine(device: torch.device) -> None:
    """A line that says where the figures come from."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"# {where}, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(device: torch.device, jobs: Sequence[Callable[[], object]], repeats: int = 7) -> list[float]:
    """The median time of each job; the jobs take turns, so that a busy moment meets them all."""
    for job in jobs:
        job()
    taken: list[list[float]] = [[] for _ in jobs]
    for _ in range(repeats):
        for job, times in zip(jobs, taken, strict=True):
            synchronise(device)
            begun = time.perf_counter()
            job()
            synchronise(device)
            times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


def matrix_rate(device: torch.device, dtype: torch.dtype, size: int = 1000, batch: int = 1) -> float:
    """Floating-point operations a second of the device's own product of matrices (size, size), the best of many."""
    left, right = (torch.randn(batch, size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(left)
    best = min(seconds(device, [lambda: torch.bmm(left, right, out=product)], 1)[0] for _ in range(30))
    return 2 * batch * size**3 / best


def operations(network: Network, candidates: int) -> int:
    """Floating-point operations in the matrix products of one evaluation of the stationarity and its gradient.

    Five products for the first layer, seven for the others but the output's, which are negligible.
    """
    first, *others = network.weights[:-1]
    return 2 * candidates * (5 * first.numel() + sum(7 * weight.numel() for weight in others))


def oracle_iteration_seconds(network: Network, restart: Starts) -> float:
    """What one iteration of the oracle takes, less the start and the end of its search."""

    def job(iterations: int) -> Callable[[], object]:
        return lambda: reference.search(network, restart, iterations, iterations + 1)

    one, three = seconds(restart.candidates.device, [job(1), job(3)], 3)
    return (three - one) / 2


def random_network(sizes: Sequence[int], dtype: torch.dtype, device: torch.device = CPU) -> Network:
    size, *hidden = sizes
    network = initialise(size, hidden, size**-0.5, torch.Generator().manual_seed(0))
    return network.to(device=device, dtype=dtype)


def method(name: str, network: Network) -> Method:
    """A search's method with the configuration's defaults."""
    return method_of({"published": PublishedSearch, "subspace": SubspaceSearch}[name](), 1, network)


def random_restarts(count: int, candidates: int, size: int, dtype: torch.dtype, device: torch.device = CPU) -> Starts:
    generator = torch.Generator().manual_seed(0)

    def each(value: float) -> torch.Tensor:
        return torch.full((count,), value, dtype=torch.float64)

    return Starts(
        candidates=0.05 * torch.randn(count, candidates, size, generator=generator),
        lambdas=torch.rand(count, candidates, generator=generator),
        learning_rate=each(0.03),
        lambda_learning_rate=each(0.005),
        lambda_min=each(0.2),
        alpha=each(40),
    ).to(device, dtype)


@dataclass(frozen=True)
class Images:
    """Network inputs (n, D), mean-subtracted, and labels (n,) in {-1, +1} of training and of held-out images, these
    as integers, which tell labels from targets; mean (C, H, W)."""

    training: torch.Tensor
    labels: torch.Tensor
    held_out: torch.Tensor
    held_out_labels: torch.Tensor
    mean: np.ndarray

    @property
    def pixels(self) -> Pixels:
        """What the inputs stand for."""
        return Pixels(torch.from_numpy(self.mean), torch.ones(self.mean.shape))

    def photographs(self, inputs: torch.Tensor) -> np.ndarray:
        """(n, C, H, W) in [0, 1]."""
        return inputs.cpu().numpy().reshape(-1, *self.mean.shape) + self.mean


def of_both(trained: np.ndarray, held_out: np.ndarray, count: int) -> str:
    """The average of the best scores of training images (n,), so many, and of as large a share of the held-out ones."""
    share = round(count * len(held_out) / len(trained))
    return f"{best(trained, count):.3f} ({best(held_out, share):.3f})"


@dataclass(frozen=True)
class Inputs:
    """Candidates (N, r) as network inputs (N, D), of which indexing computes those that are asked for."""

    coordinates: torch.Tensor
    space: Space

    def __len__(self) -> int:
        return len(self.coordinates)

    def __getitem__(self, chosen: slice | np.ndarray) -> torch.Tensor:
        return self.space.to(self.coordinates).inputs(self.coordinates[chosen])


def image_arguments(description: str) -> argparse.ArgumentParser:
    parser = arguments(description)
    parser.add_argument(
        "--cifar", type=Path, metavar="FILE", help="NPZ or HDF5 of CIFAR-10 (default: the faces, n = 50)"
    )
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="that MNIST/raw lies in: odd against even digits")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="leave out the first N images of the file")
    parser.add_argument("--per-label", type=int, default=25, metavar="N", help="training images of each label")
    parser.add_argument("--held-out-per-label", type=int, metavar="N", help="held-out images (default: as many)")
    return parser


def load_images(options: argparse.Namespace) -> Images:
    return images_of(dataset_of(options), options.first)


def dataset_of(options: argparse.Namespace) -> Dataset:
    """Vehicles against animals from CIFAR-10, odd against even digits from MNIST, or faces with alternating labels."""
    settings: dict[str, object] = {"per_label": options.per_label, "held_out_per_label": options.held_out_per_label}
    if options.cifar:
        settings["source"] = {"kind": "file", "path": str(options.cifar)}
        settings["labels"] = {"rule": "classes", "negative": [0, 1, 8, 9], "positive": [2, 3, 4, 5, 6, 7]}
    elif options.mnist:
        settings["source"] = {"kind": "mnist", "root": str(options.mnist)}
        settings["labels"] = {"rule": "classes", "negative": [0, 2, 4, 6, 8], "positive": [1, 3, 5, 7, 9]}
    else:
        settings |= {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}}
    return Dataset.model_validate(settings)


def images_of(dataset: Dataset, first: int = 0) -> Images:
    """Those that a data set draws, of the source's images from a first one on."""
    pool = load(dataset.source).training
    pool = Pool(pool.images[first:], pool.classes[first:], pool.origin)
    training, held_out = draw(pool, dataset)
    mean = pool.images[training.indices].mean(0)

    def inputs(part: Drawn) -> torch.Tensor:
        return torch.from_numpy((pool.images[part.indices] - mean).reshape(len(part.indices), -1))

    return Images(
        inputs(training),
        torch.from_numpy(training.labels).double(),
        inputs(held_out),
        torch.from_numpy(held_out.labels),
        mean,
    )
