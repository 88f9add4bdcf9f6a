"""Membership of a convolutional network as torch.export saves it: 100 images of CIFAR-10 that it was trained on against
100 others, ten of each class, after training under weight decay and after Adam without it.

python benchmarks/membership_convolutional.py --images cifar10.npz         images (N, 32, 32, 3) and labels 0 .. 9
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from reconstruction.data import image_files
from reconstruction.evaluation import subjects
from reconstruction.evaluation.membership import Suspects, answers, summary
from torch import nn

CLASSES, OF_EACH = 10, 10


@dataclass(frozen=True)
class Training:
    """All images at once in each step."""

    optimiser: type[torch.optim.Optimizer]
    settings: dict[str, float]
    steps: int


TRAININGS = {
    "weight decay 5e-3": Training(torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-3}, 2000),
    "Adam": Training(torch.optim.Adam, {"lr": 1e-3}, 500),
}


def pool(path: str, seed: int) -> Suspects:
    """The images that are trained on, and as many others."""
    everything = image_files.read_file(path)
    random = np.random.default_rng(seed)
    drawn = [
        random.permutation(np.flatnonzero(everything.classes == label))[: 2 * OF_EACH].reshape(2, OF_EACH)
        for label in range(CLASSES)
    ]
    numbers = np.stack(drawn, axis=1).reshape(-1)
    member = np.arange(len(numbers)) < CLASSES * OF_EACH
    return Suspects(everything.images[numbers], everything.classes[numbers], member, numbers, ())


def convolutional(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    channels, layers = (3, 8, 16, 32), []
    for fan_in, fan_out in pairwise(channels):
        layers += [nn.Conv2d(fan_in, fan_out, 3, stride=2, padding=1), nn.ReLU()]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, CLASSES))


def train(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, by: Training) -> float:
    """The mean loss at the end."""
    optimiser = by.optimiser(network.parameters(), **by.settings)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, by.steps)
    for _ in range(by.steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
        schedule.step()
    return loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, metavar="NPZ")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed in options.seeds:
        suspects = pool(options.images, seed)
        images, labels = (torch.from_numpy(array[suspects.member]) for array in (suspects.images, suspects.labels))
        for name, by in TRAININGS.items():
            begun, network = time.perf_counter(), convolutional(seed)
            loss, taken = train(network, images, labels, by), time.perf_counter() - begun
            print(f"seed {seed}, {name}: loss {loss:.2g}, trained in {taken:.0f} s", flush=True)
            report(network, suspects)


def report(network: nn.Module, suspects: Suspects) -> None:
    """What the exported network's scores tell, with the images' labels and with the network's own."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.pt2"
        torch.export.save(torch.export.export(network.eval(), (torch.zeros(1, 3, 32, 32),)), file)
        subject = subjects.read(file)
    own = replace(suspects, labels=answers(subject.outputs(suspects.images), subject.model.family))
    for whose, asked in (("true labels", suspects), ("own answers", own)):
        begun = time.perf_counter()
        scores, condition = subject.score(asked)
        found = summary(scores)
        taken = time.perf_counter() - begun
        told = ", ".join(
            f"{score} AUC {found[f'{score}_auc'].value:.3f} TPR {found[f'{score}_tpr'].value:.2f}"
            for score in ("lambda", "margin")
        )
        print(f"  {whose}: {told}, {taken:.0f} s; {condition}", flush=True)


if __name__ == "__main__":
    main()
