"""Stage `table`: one row an experiment, and beside it intervals, the controls and the timings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import layout, store
from ..report import experiments, table


def run(
    evaluation_paths: Sequence[Path],
    folder: Path,
    inspection_paths: Sequence[Path] = (),
    settings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write table.csv, .md and .tex, intervals.csv, controls.csv and timings.csv into the folder.

    settings: those in which the experiments differ, of each evaluation, then of each inspection.
    """
    evaluations, inspections = experiments.read("table", evaluation_paths, inspection_paths)
    for name, text in table.files(evaluations, inspections, settings).items():
        store.write_whole(folder / name, text.encode())
    print(f"table: {len(evaluations) + len(inspections)} experiments in {folder / layout.TABLE}")
