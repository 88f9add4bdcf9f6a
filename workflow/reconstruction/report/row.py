"""What the table says of an experiment's search, whether or not there are images to compare with."""

from __future__ import annotations

from ..evaluation.scores import Row
from ..files import store

EXPERIMENT = ["dataset", "model", "sweep"]


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
