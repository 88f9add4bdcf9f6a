"""What an inspection shows: representatives, and what each layer leaves unexplained, as figures and as tables."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ..files import store
from ..files.layout import FIGURES, REPRESENTATIVES, RESTARTS, below
from . import figures, lists
from .verdict import WARNING


def draw_all(folder: Path, candidates: store.Stored, inspection: store.Stored) -> None:
    """Write both figures and both tables; raises OSError where the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    squared_norms = inspection["squared_norms"]
    with matplotlib.rc_context(figures.STYLE):
        figures.save(draw(inspection["representatives/shown"], candidates), folder / "representatives")
        figures.save(figures.unexplained(candidates, squared_norms), folder / "unexplained")
    for rows, path in (
        (lists.representatives(candidates), REPRESENTATIVES),
        (lists.restarts(candidates, squared_norms), RESTARTS),
    ):
        rows.to_csv(folder / below(FIGURES, path), index=False, float_format="%.6g")


def draw(pictures: np.ndarray, candidates: store.Stored) -> Figure:
    """Pictures (k, C, H, W) of the representatives by rank, and under each its support in restarts."""
    unit = "shards" if candidates.facts["method"] == "exact" else "restarts"
    captions = [f"{support} {unit}" for support in candidates["representatives/support"][: len(pictures)]]
    return figures.mosaic(pictures, captions, WARNING, np.zeros(len(pictures), bool))
