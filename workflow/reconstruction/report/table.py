"""The results table as people and programs read it, and beside it intervals, controls and timings."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..files import layout, store
from .row import EXPERIMENT, headline

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Reconstruction results</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.3rem 0.7rem; text-align: left; border-bottom: 1px solid #8884; white-space: nowrap; }}
</style>
</head>
<body>
<h1>Reconstruction results</h1>
{headlines}
<div>{table}</div>
</body>
</html>
"""


def files(evaluations: Sequence[store.Stored], inspections: Sequence[store.Stored]) -> dict[str, str]:
    """The text of each file by its name: table in four formats, intervals, controls and timings.

    A row of an inspection is empty where only images could tell.
    """
    experiments = [*evaluations, *inspections]
    rows = [experiment.table("row") for experiment in experiments]
    names = [{name: row[name] for name in EXPERIMENT} for row in rows]
    table = pd.DataFrame({name: column([row[name] for row in rows]) for name in rows[0]})
    timings = pd.DataFrame(
        {**name, "stage": stage, "device": device, "seconds": seconds}
        for name, experiment in zip(names, experiments, strict=True)
        for stage, device, seconds in experiment.facts["timings"]
    )
    shown = rounded(table)
    return {
        layout.TABLE: table.to_csv(index=False, float_format="%.6g"),
        layout.TABLE_HTML: PAGE.format(
            headlines="\n".join(f"<p>{html.escape(headline(row))}</p>" for row in rows),
            table=shown.to_html(index=False, border=0),
        ),
        layout.TABLE_MD: shown.to_markdown(index=False) + "\n",
        layout.TABLE_TEX: shown.to_latex(index=False, escape=True),
        **{
            file: long(names, evaluations, name, key).to_csv(index=False, float_format="%.6g")
            for file, name, key in (
                (layout.INTERVALS, "intervals", "quantity"),
                (layout.CONTROLS, "controls", "answer"),
            )
        },
        layout.TIMINGS: timings.to_csv(index=False, float_format="%.1f"),
    }


def long(names: Sequence[Mapping[str, Any]], evaluations: Sequence[store.Stored], name: str, key: str) -> pd.DataFrame:
    """One row for each entry, called `key`, of what evaluations keep as JSON under a name."""
    rows = [
        {**experiment, key: entry, **values}
        for experiment, evaluation in zip(names, evaluations, strict=False)
        for entry, values in evaluation.table(name).items()
    ]
    return pd.DataFrame(rows, columns=None if rows else [*EXPERIMENT, key])


def column(values: Sequence[Any]) -> pd.Series:
    """A column of the table; counts stay whole numbers where some are missing."""
    counts = None in values and any(isinstance(value, int) for value in values)
    return pd.Series(values, dtype="Int64" if counts else None)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: four digits of every number that is no count, nothing where there is none."""
    return table.astype(object).map(
        lambda value: "" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else value
    )
