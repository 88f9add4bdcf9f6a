"""The results table as people and programs read it, and beside it intervals, controls and timings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..files import layout, store
from .row import EXPERIMENT

FIRST = (
    *EXPERIMENT, "n", "condition", "membership_tpr", "reconstructed_images", "recognisable_images",
    "recognisable_held_out_images", "ncc_hits", "ncc_held_out_hits", "ncc_median",
)  # fmt: skip


def rows(experiments: Sequence[store.Stored], settings: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """A row for each experiment: its names, the settings in which experiments differ, and its quantities.

    settings: of each experiment, by section and keys, such as model.seed; empty where all are alike.
    """
    names = list(dict.fromkeys(name for of_one in settings for name in of_one))
    found = [experiment.table("row") for experiment in experiments]
    return [
        {**{name: row[name] for name in EXPERIMENT}, **{name: of_one.get(name) for name in names}, **row}
        for row, of_one in zip(found, settings or [{}] * len(found), strict=True)
    ]


def is_setting(name: str) -> bool:
    """Whether a column is a setting; quantities and names have no dots."""
    return "." in name


def first(columns: Iterable[str]) -> list[str]:
    """Of a table's columns those that people are shown first."""
    return [*EXPERIMENT, *filter(is_setting, columns), *(name for name in FIRST if name not in EXPERIMENT)]


def files(
    evaluations: Sequence[store.Stored],
    inspections: Sequence[store.Stored],
    settings: Sequence[Mapping[str, Any]] = (),
) -> dict[str, str]:
    """The text of each file by its name: table in three formats, intervals, controls and timings.

    A row of an inspection is empty where only images could tell; settings are those of evaluations, then inspections.
    """
    experiments = [*evaluations, *inspections]
    of_all = rows(experiments, settings)
    names = [{name: row[name] for name in EXPERIMENT} for row in of_all]
    table = pd.DataFrame({name: column([row[name] for row in of_all]) for name in of_all[0]})
    timings = pd.DataFrame(
        {**name, "stage": stage, "device": device, "seconds": seconds}
        for name, experiment in zip(names, experiments, strict=True)
        for stage, device, seconds in experiment.facts["timings"]
    )
    shown = rounded(table)
    return {
        layout.TABLE: table.to_csv(index=False, float_format="%.6g"),
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
    counts = None in values and all(value is None or isinstance(value, int) for value in values)
    return pd.Series(values, dtype="Int64" if counts else None)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: four digits of every number that is no count, nothing where there is none."""
    return table.astype(object).map(
        lambda value: "" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else value
    )
