"""A results table for reading in a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..errors import UserError
from ..evaluation.quantities import COLUMNS
from ..files import layout, outside
from ..files.outside import reading
from ..report.row import EXPERIMENT
from ..report.table import first, rounded
from ..report.verdict import headline


def show(folder: Path) -> None:
    """Print every experiment's verdict, and the first columns of the table with a line each, which a terminal can
    hold."""
    path = folder / layout.TABLE
    with reading(path, "run the workflow first", ValueError), outside.opened(path) as handle:
        table = pd.read_csv(handle, converters=dict.fromkeys(EXPERIMENT, str))
    if missing := sorted({*EXPERIMENT, *COLUMNS}.difference(table)):
        raise UserError(f"{path}: has no column {missing[0]}", "run the workflow again, with this version")
    for row in table.to_dict("records"):
        print(headline(row))
        names = {name: row[name] for name in EXPERIMENT}
        print(f"page:    {folder / layout.PAGE.format(**names)}\nfigures: {folder / layout.FIGURES.format(**names)}/\n")
    print(rounded(table[first(table.columns)]).set_index(EXPERIMENT).T.to_string(index_names=False))
