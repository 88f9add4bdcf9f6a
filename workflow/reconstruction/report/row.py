"""An experiment's row of the table: the columns of its search, and what was found in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..evaluation.scores import Row
from ..files import store
from ..training.verdict import FAILS, IN_PART, reason

EXPERIMENT = ["dataset", "model", "sweep"]
WARNING = (
    "What was found without images to compare with proves nothing by itself: many sets of images satisfy the equations "
    "equally well, without held-out images there is no false-positive rate, and an image that does not appear has not "
    "been shown to be safe."
)

CAVEATS = {
    FAILS: "This attack cannot tell what the model remembers, since what it assumes does not hold: {reason}. What does "
    "not come back has not been shown to be safe.",
    IN_PART: "What this attack assumes holds for the model in part: {reason}. What does not come back may be in it all "
    "the same.",
}


def search_columns(candidates: store.Stored) -> Row:
    """What the table says of a search, whether or not there are images to compare with."""
    return {
        "method": candidates.facts["method"],
        "restarts": len(candidates["restarts/restart"]),
        "diverged": int(candidates["restarts/diverged"].sum()),
        "candidates": len(candidates["candidates/restart"]),
        "representatives": len(candidates["representatives/score"]),
    }


def search_timings(candidates: store.Stored) -> list[list[str | float]]:
    """Stages, their devices and the seconds that all restarts took together, and solving for gate patterns."""
    facts = candidates.facts
    solving = [["deduplicate", "cpu", facts["solving_seconds"]]] if "solving_seconds" in facts else []
    return [["reconstruct", " ".join(facts["restart_devices"]), facts["restart_seconds"]], *solving]


def headline(row: Mapping[Any, Any]) -> str:
    """Which experiment, what speaks against relying on it and, after that, what was found."""
    warnings = [caveat(row), "" if _is_evaluated(row) else WARNING]
    return f"{row['dataset']}, {row['model']}, {row['sweep']}: {' '.join(filter(None, [*warnings, finding(row)]))}"


def caveat(row: Mapping[Any, Any]) -> str:
    """What stands before any finding where what the attack assumes does not hold, or only in part."""
    said = CAVEATS.get(str(row.get("condition")))
    return said.format(reason=reason(row)) if said else ""


def finding(row: Mapping[Any, Any]) -> str:
    """What an evaluation or an inspection found, in a sentence or two."""
    if not _is_evaluated(row):
        return f"{row['representatives']} representatives of {row['candidates']} candidates."
    counts = {name: f"{value:.0f}" for name, value in row.items() if isinstance(value, int | float) and value == value}
    return (
        "{exact_images} of {n} training images come back with an NCC above 0.99, {recognisable_images} above 0.9; "
        "{recognisable_held_out_images} of {n_held_out} never trained on do. {ncc_hits_over_held_out} lie above the "
        "held-out threshold, {ncc_hits} above the scrambled one, too; of those never trained on {ncc_held_out_hits} "
        "pass the held-out threshold."
    ).format(**counts)


def _is_evaluated(row: Mapping[Any, Any]) -> bool:
    return row["n"] is not None and not math.isnan(row["n"])
