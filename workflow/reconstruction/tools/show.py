"""A results table for reading in a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..files import layout, outside
from ..files.outside import reading
from ..report.row import EXPERIMENT, headline
from ..report.table import rounded


def show(folder: Path) -> None:
    """Print the table with one line a column, which a terminal can hold."""
    path = folder / layout.TABLE
    with reading(path, "run the workflow first", ValueError), outside.opened(path) as handle:
        table = pd.read_csv(handle, converters=dict.fromkeys(EXPERIMENT, str))
    print(rounded(table).set_index(EXPERIMENT).T.to_string(index_names=False))
    for row in table.to_dict("records"):
        print(f"\n{headline(row)}")
        names = {name: row[name] for name in EXPERIMENT}
        print(f"page:    {folder / layout.PAGE.format(**names)}\nfigures: {folder / layout.FIGURES.format(**names)}/")
