"""The results table as people and programs read it, and beside it intervals, controls and timings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..evaluation.quantities import QUANTITIES
from ..files import layout, store
from . import verdict
from .row import EXPERIMENT
from .templating import template

FIRST = (
    *EXPERIMENT, "n", "condition", "membership_tpr", "reconstructed_images", "recognisable_images",
    "recognisable_held_out_images", "ncc_hits", "ncc_held_out_hits", "ncc_median",
)  # fmt: skip


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
        layout.TABLE_HTML: page(rows, shown),
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


def page(rows: Sequence[Mapping[str, Any]], shown: pd.DataFrame) -> str:
    """Every experiment's verdict, and the table: the columns of FIRST, and the others where they are asked for."""
    columns = [
        {
            "name": name,
            "meaning": QUANTITIES[name].meaning if name in QUANTITIES else "",
            "classes": " ".join(["number"] * is_number(shown[name]) + ["further"] * (name not in FIRST)),
        }
        for name in [*FIRST, *(name for name in shown if name not in FIRST)]
    ]
    return template("results.html").render(
        experiments=[{"name": ", ".join(row[name] for name in EXPERIMENT), **verdict.parts(row)} for row in rows],
        columns=columns,
        rows=shown[[column["name"] for column in columns]].to_numpy().tolist(),
    )


def is_number(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().any())


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
