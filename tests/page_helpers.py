"""A small experiment on the demo's faces, by the stages' own code, and its page."""

from pathlib import Path

import torch
from reconstruction import deduplicate, evaluate, inspection, page, reconstruct, subset, train
from reconstruction.configuration import Dataset, Evaluation, Merge, Model, Restarts, Training

CPU = torch.device("cpu")


def make_experiment(folder: Path, per_label: int, iterations: int, name: str = "faces/tiny/demo") -> Path:
    """Run every stage into the folder and return it."""
    dataset = Dataset(source={"kind": "faces"}, labels={"rule": "alternating"}, per_label=per_label)
    subset.run(dataset, folder / "subset.h5")
    model = Model(hidden=[100, 100], training=Training(target_loss=1e-6))
    train.run(model, folder / "subset.h5", folder / "model.h5", folder / "training.h5", CPU)
    restarts = Restarts(per_shard=3, candidates=4 * per_label, subspace={"iterations": iterations})
    reconstruct.run(restarts, 0, folder / "model.h5", folder / "0.h5", CPU)
    deduplicate.run(Merge(), folder / "model.h5", [folder / "0.h5"], folder / "candidates.h5")
    evaluate.run(Evaluation(pairs=10), name, *paths(folder)[:4], folder / "evaluation.h5", folder / "figures")
    inspection.run(
        10, "tiny/demo", folder / "model.h5", folder / "candidates.h5", folder / "inspection.h5", folder / "seen"
    )
    return folder


def paths(folder: Path) -> list[Path]:
    """What the page is made from, as `of_evaluation` takes it."""
    return [folder / f"{name}.h5" for name in ("subset", "model", "training", "candidates", "evaluation")]


def make_page(folder: Path) -> Path:
    page.of_evaluation(*paths(folder), folder / "report.html")
    return folder / "report.html"


def make_page_without_images(folder: Path) -> Path:
    output = folder / "inspection.html"
    page.of_inspection(folder / "model.h5", folder / "candidates.h5", folder / "inspection.h5", output)
    return output
