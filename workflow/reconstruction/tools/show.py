"""A results table for reading in a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import UserError
from ..report.row import EXPERIMENT, headline
from ..report.table import rounded


def show(folder: Path) -> None:
    """Print the table with one line a column, which a terminal can hold."""
    path = folder / "table.csv"
    try:
        table = pd.read_csv(path, converters=dict.fromkeys(EXPERIMENT, str))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "run the workflow first") from None
    print(rounded(table).set_index(EXPERIMENT).T.to_string(index_names=False))
    for row in table.to_dict("records"):
        print(f"\n{headline(row)}")
        experiment = folder.joinpath(*(row[name] for name in EXPERIMENT))
        print(f"page:    {experiment / 'report.html'}\nfigures: {experiment / 'figures'}/")
