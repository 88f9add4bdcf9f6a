"""Stage `draw`: an experiment's figures, its best pairs as single pictures, and its tables of images or restarts."""

from __future__ import annotations

from pathlib import Path

from ..files import store
from ..report import figures, inspection


def of_evaluation(
    subset_path: Path, training_path: Path, candidates_path: Path, evaluation_path: Path, folder: Path
) -> None:
    """Of an experiment whose training images are known."""
    evaluation = store.read(evaluation_path, "evaluation")
    paths = {"subset": subset_path, "training": training_path, "candidates": candidates_path}
    sources = {name: store.read(path, name) for name, path in paths.items()}
    for name, source in sources.items():
        store.require_source(evaluation, name, source)
    store.require_fit(sources["candidates"], sources["training"])
    with store.writing(folder):
        figures.draw_all(folder, evaluation, **sources)
    print(f"draw: {folder}")


def of_inspection(candidates_path: Path, inspection_path: Path, folder: Path) -> None:
    """Of an experiment without images to compare with."""
    inspected = store.read(inspection_path, "inspection")
    candidates = store.read(candidates_path, "candidates")
    store.require_source(inspected, "candidates", candidates)
    with store.writing(folder):
        inspection.draw_all(folder, candidates, inspected)
    print(f"draw: {folder}")
