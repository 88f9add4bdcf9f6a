"""Stage `table`: one row an experiment, and beside it intervals, the controls and the timings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..files import layout, store
from ..report import table


def run(evaluation_paths: Sequence[Path], folder: Path, inspection_paths: Sequence[Path] = ()) -> None:
    """Write table.csv, .html, .md and .tex, intervals.csv, controls.csv and timings.csv into the folder."""
    evaluations = [store.read(path, "evaluation") for path in evaluation_paths]
    inspections = [store.read(path, "inspection") for path in inspection_paths]
    if not (evaluations or inspections):
        raise UserError("table: no experiments", "give --evaluations, --inspections or both")
    for name, text in table.files(evaluations, inspections).items():
        store.write_whole(folder / name, text.encode())
    print(f"table: {len(evaluations) + len(inspections)} experiments in {folder / layout.TABLE}")
