"""What an inspection shows: representatives, and what each layer leaves unexplained, as figures and as tables."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..files import store
from ..files.layout import FIGURES, REPRESENTATIVES, RESTARTS, below
from . import figures
from .palette import AXIS_LABELS
from .row import WARNING


def draw_all(folder: Path, candidates: store.Stored, inspection: store.Stored) -> None:
    """Write both figures and both tables; raises OSError where the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    squared_norms = inspection["squared_norms"]
    with matplotlib.rc_context(figures.STYLE):
        figures.save(draw(inspection["representatives/shown"], candidates), folder / "representatives")
        figures.save(figures.unexplained(candidates, squared_norms), folder / "unexplained")
    for table, path in (
        (representatives_table(candidates), REPRESENTATIVES),
        (restarts_table(candidates, squared_norms), RESTARTS),
    ):
        table.to_csv(folder / below(FIGURES, path), index=False, float_format="%.6g")


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
    for name in AXIS_LABELS:
        table[name] = candidates[f"restarts/hyperparameters/{name}"]
    for layer in range(shares.shape[2]):
        table[f"layer{layer + 1}_start"], table[f"layer{layer + 1}_end"] = shares[:, 0, layer], shares[:, -1, layer]
    return table
