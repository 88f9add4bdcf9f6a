"""Small experiments by the stages' own code, on the demo's faces and on colours, and their pages."""

from pathlib import Path

import numpy as np
import torch
from reconstruction.configuration import Dataset, Evaluation, Merge, Model, Restarts, Training
from reconstruction.stages import deduplicate, draw, evaluate, inspect, page, reconstruct, scramble, subset, train

CPU = torch.device("cpu")


def make_experiment(folder: Path, per_label: int, iterations: int, name: str = "faces/tiny/demo") -> Path:
    """Run every stage into the folder and return it."""
    train_on(Dataset(source={"kind": "faces"}, labels={"rule": "alternating"}, per_label=per_label), folder)
    attack(folder, iterations, 4 * per_label)
    evaluate.run(Evaluation(pairs=10), name, *paths(folder)[:4], folder / "evaluation.h5")
    inspect.run(10, "tiny/demo", folder / "model.h5", folder / "candidates.h5", folder / "inspection.h5")
    return folder


def make_controlled_experiment(folder: Path) -> Path:
    """Pictures in colour of no meaning, public ones of less contrast, and as control searches scrambled weights and a
    network of other images."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (80, 4, 4, 3), np.uint8).repeat(3, axis=1).repeat(3, axis=2)
    folder.mkdir()
    np.savez(folder / "colours.npz", images=images, labels=np.arange(80) % 2)
    np.savez(folder / "public.npz", images=100 + random.integers(0, 256, (8, 12, 12, 3)).astype(np.uint8) // 5)
    source = {"kind": "file", "path": str(folder / "colours.npz"), "public_path": str(folder / "public.npz")}
    dataset = Dataset(source=source, labels={"rule": "classes", "negative": [0], "positive": [1]}, per_label=10)
    train_on(dataset, folder)
    scrambled, other = folder / "scrambled", folder / "other"
    train_on(dataset.model_copy(update={"skip": 20}), other)
    scrambled.mkdir()
    scramble.run(0, folder / "model.h5", scrambled / "model.h5")
    for searched in (folder, scrambled, other):
        attack(searched, 500, 40)
    controls = [
        (name, searched / "model.h5", searched / "candidates.h5")
        for name, searched in (("scrambled_weights", scrambled), ("other_images_1", other))
    ]
    settings, name = Evaluation(pairs=10), "colours/tiny/controlled"
    evaluate.run(settings, name, *paths(folder)[:4], folder / "evaluation.h5", controls)
    make_figures(folder)
    return folder


def train_on(dataset: Dataset, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    subset.run(dataset, folder / "subset.h5")
    model = Model(hidden=[100, 100], training=Training(target_loss=1e-6))
    train.run(model, folder / "subset.h5", folder / "model.h5", folder / "training.h5", CPU)


def attack(folder: Path, iterations: int, candidates: int) -> None:
    restarts = Restarts(per_shard=3, candidates=candidates, subspace={"iterations": iterations})
    reconstruct.run(restarts, 0, folder / "model.h5", folder / "0.h5", CPU)
    deduplicate.run(Merge(), folder / "model.h5", [folder / "0.h5"], folder / "candidates.h5")


def paths(folder: Path) -> list[Path]:
    """What the page is made from, as `of_evaluation` takes it."""
    return [folder / f"{name}.h5" for name in ("subset", "model", "training", "candidates", "evaluation")]


def make_figures(folder: Path) -> None:
    subset, _, training, candidates, evaluation = paths(folder)
    draw.of_evaluation(subset, training, candidates, evaluation, folder / "figures")


def make_page(folder: Path) -> Path:
    page.of_evaluation(*paths(folder), folder / "report.html")
    return folder / "report.html"


def make_page_without_images(folder: Path) -> Path:
    output = folder / "inspection.html"
    page.of_inspection(folder / "model.h5", folder / "candidates.h5", folder / "inspection.h5", output)
    return output
