"""An experiment's row of the table: the columns of its search, and what was found in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..evaluation.scores import Row
from ..files import store

EXPERIMENT = ["dataset", "model", "sweep"]
WARNING = (
    "What was found without images to compare with proves nothing by itself: many sets of images satisfy the equations "
    "equally well, without held-out images there is no false-positive rate, and an image that does not appear has not "
    "been shown to be safe."
)


def search_columns(candidates: store.Stored) -> Row:
    """What the table says of a search, whether or not there are images to compare with."""
    return {
        "method": candidates.facts["method"],
        "restarts": len(candidates["restarts/restart"]),
        "diverged": int(candidates["restarts/diverged"].sum()),
        "candidates": len(candidates["candidates/restart"]),
        "representatives": len(candidates["representatives/score"]),
    }


def search_timing(candidates: store.Stored) -> list[str | float]:
    """The stage, its devices and the seconds that all its restarts took together."""
    return ["reconstruct", " ".join(candidates.facts["restart_devices"]), candidates.facts["restart_seconds"]]


def headline(row: Mapping[Any, Any]) -> str:
    """What an evaluation or an inspection found, in a sentence or two."""
    where = f"{row['dataset']}, {row['model']}, {row['sweep']}"
    if row["n"] is None or math.isnan(row["n"]):
        return f"{where}: {row['representatives']} representatives of {row['candidates']} candidates. {WARNING}"
    return (
        f"{where}: {row['ncc_hits_over_held_out']:.0f} of {row['n']:.0f} training images come back above the held-out "
        f"threshold, {row['ncc_hits']:.0f} above the scrambled one, too; of {row['n_held_out']:.0f} images never "
        f"trained on, {row['ncc_held_out_hits']:.0f} pass the held-out threshold."
    )
