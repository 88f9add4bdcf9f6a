"""What all experiments have left behind, for whoever shows them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..files import store


def read(
    stage: str, evaluation_paths: Sequence[Path], inspection_paths: Sequence[Path]
) -> tuple[list[store.Stored], list[store.Stored]]:
    """The evaluations and the inspections; raises UserError of the stage where there is neither."""
    evaluations = [store.read(path, "evaluation") for path in evaluation_paths]
    inspections = [store.read(path, "inspection") for path in inspection_paths]
    if not (evaluations or inspections):
        raise UserError(f"{stage}: no experiments", "give --evaluations, --inspections or both")
    return evaluations, inspections
