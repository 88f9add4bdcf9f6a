"""Stage `inspect`: what the restarts agree on, for an auditor who has weights and no images to compare with.

Stands in place of `evaluate` and proves less: see WARNING in table.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..attack.search.starts import NAMES
from ..evaluation.findings import search_columns, search_timing
from ..files import store
from ..files.layout import NO_IMAGES
from ..models import deployed
from ..models.deployed import Deployed
from ..report import figures
from ..report.pictures import as_pictures
from .table import COLUMNS, WARNING, headline


def run(
    count: int, experiment: str, model_path: Path, candidates_path: Path, output: Path, figures_folder: Path
) -> None:
    """experiment: MODEL/SWEEP; count: how many representatives the figure shows."""
    model = deployed.read(model_path)
    candidates = store.read(candidates_path, "candidates")
    store.require_source(candidates, "model", model.stored)
    name, sweep = experiment.split("/")
    found = {"network": str(model.network), **search_columns(candidates)}
    row = {"dataset": NO_IMAGES, "model": name, "sweep": sweep, **dict.fromkeys(COLUMNS), **found}

    with store.writing(figures_folder):
        draw_all(figures_folder, candidates, model, count)
    facts = {"timings": [search_timing(candidates)]}
    sources = {"model": model.stored, "candidates": candidates}
    settings_json = json.dumps({"count": count})
    arrays = {"row": np.array(json.dumps(row))}
    store.write(output, "inspection", arrays, settings_json=settings_json, facts=facts, sources=sources)
    print(f"inspect: {headline(row)}")


def draw_all(folder: Path, candidates: store.Stored, model: Deployed, count: int) -> None:
    """Write both figures and both tables; raises OSError where the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    squared_norms = model.network.squared_norms.numpy()
    with matplotlib.rc_context(figures.STYLE):
        figures.save(draw(as_pictures(candidates, model, count), candidates), folder / "representatives")
        figures.save(figures.unexplained(candidates, squared_norms), folder / "unexplained")
    for table, file in (
        (representatives_table(candidates), "representatives.csv"),
        (restarts_table(candidates, squared_norms), "restarts.csv"),
    ):
        table.to_csv(folder / file, index=False, float_format="%.6g")


def draw(pictures: np.ndarray, candidates: store.Stored) -> Figure:
    """Pictures (k, C, H, W) of the representatives by rank, and under each its support in restarts."""
    captions = [f"{support} restarts" for support in candidates["representatives/support"][: len(pictures)]]
    return figures.mosaic(pictures, captions, WARNING, np.zeros(len(pictures), bool))


def representatives_table(candidates: store.Stored) -> pd.DataFrame:
    """One row for each representative, best first."""
    columns = ("support", "agreement", "spread", "lambda", "margin", "response", "score")
    table = pd.DataFrame({name: candidates[f"representatives/{name}"] for name in columns})
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def restarts_table(candidates: store.Stored, squared_norms: np.ndarray) -> pd.DataFrame:
    """One row for each restart: its hyperparameters, and the unexplained share of ||W_k||^2 at its start and end."""
    shares = candidates["restarts/trace/residuals"] / squared_norms
    table = pd.DataFrame({name: candidates[f"restarts/{name}"] for name in ("restart", "diverged")})
    for name in NAMES:
        table[name] = candidates[f"restarts/hyperparameters/{name}"]
    for layer in range(shares.shape[2]):
        table[f"layer{layer + 1}_start"], table[f"layer{layer + 1}_end"] = shares[:, 0, layer], shares[:, -1, layer]
    return table
