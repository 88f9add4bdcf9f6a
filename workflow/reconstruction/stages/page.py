"""Stage `page`: an experiment's files as one HTML file that opens from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..files import store
from ..report import charts, likeness, page, pictures


def of_evaluation(
    subset_path: Path, model_path: Path, training_path: Path, candidates_path: Path, evaluation_path: Path, output: Path
) -> None:
    """The page of an experiment whose training images are known."""
    subset = store.read(subset_path, "subset")
    model = store.read(model_path, "model")
    training = store.read(training_path, "training")
    candidates = store.read(candidates_path, "candidates")
    evaluation = store.read(evaluation_path, "evaluation")
    sources = {"subset": subset, "training": training, "candidates": candidates}
    for name, source in sources.items():
        store.require_source(evaluation, name, source)
    store.require_source(candidates, "model", model)
    store.require_fit(candidates, training)

    row = evaluation.table("row")
    ends = evaluation.table("intervals")
    limit, count = row["ncc_threshold"], evaluation.settings["pairs"]
    of_training = pictures.matches("training", subset, evaluation, training["margins"])
    of_held_out = pictures.matches("held_out", subset, evaluation)
    content = {
        "row": row,
        "of_vectors": model["mean"].ndim == 1,
        "best": {"training": of_training[:count], "held_out": of_held_out[:count]},
        "shown": likeness.sentence(row),
        "images": of_training + of_held_out,
        "calibrated": not np.isnan(evaluation["training/expected_ncc"]).any(),
        "ranking": pictures.ranking(
            candidates,
            evaluation["representatives/shown"],
            pictures.truths(subset, evaluation, count, limit),
            pictures.neighbours(evaluation, "representatives"),
        ),
        "membership": page.membership(row, ends),
        "roc": charts.membership(evaluation),
        "precision": charts.precision(evaluation, limit),
        "controls": evaluation.table("controls"),
        "quantities": page.quantities(row, ends),
        "charts": [
            charts.scores(evaluation, limit),
            charts.margins(evaluation, training, limit),
            *charts.gaps(candidates, evaluation, limit),
            *charts.unexplained(candidates, training["squared_norms"], training["true_residuals"]),
            *charts.growth(evaluation),
            *charts.training(training),
        ],
        "hyperparameters": charts.hyperparameters(candidates, evaluation["restarts/hits"], "images found by a restart"),
        "timings": evaluation.facts["timings"],
        "files": [subset, model, training, candidates, evaluation],
    }
    write(output, page.render(content))


def of_inspection(model_path: Path, candidates_path: Path, inspection_path: Path, output: Path) -> None:
    """The page of an experiment without images to compare with."""
    model = store.read(model_path, "model")
    candidates = store.read(candidates_path, "candidates")
    inspection = store.read(inspection_path, "inspection")
    store.require_source(inspection, "model", model)
    store.require_source(inspection, "candidates", candidates)

    row = {name: value for name, value in inspection.table("row").items() if value is not None}
    squared_norms = inspection["squared_norms"]
    kept = ~candidates["restarts/diverged"]
    left = candidates["restarts/trace/residuals"][kept, -1, 0] / squared_norms[0]
    content = {
        "row": {"n": None, **row},
        "of_vectors": model["mean"].ndim == 1,
        "ranking": pictures.ranking(
            candidates,
            inspection["representatives/shown"],
            public=pictures.neighbours(inspection, "representatives"),
        ),
        "quantities": page.quantities(row, {}),
        "charts": list(charts.unexplained(candidates, squared_norms)),
        "hyperparameters": charts.hyperparameters(candidates, left, "unexplained share of the first layer"),
        "timings": inspection.facts["timings"],
        "files": [model, candidates, inspection],
    }
    write(output, page.render(content))


def write(output: Path, text: str) -> None:
    content = text.encode()
    store.write_whole(output, content)
    print(f"page: {output}, {len(content) / 1e6:.1f} MB")
