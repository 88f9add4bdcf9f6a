"""Stage `table`: one row an experiment, and beside it intervals, the controls and the timings."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UserError
from ..files import store

EXPERIMENT = ["dataset", "model", "sweep"]
COLUMNS = (
    "n", "n_held_out", "network", "training_loss", "on_margin", "test_accuracy", "method", "restarts", "diverged",
    "candidates", "representatives", "ncc_threshold_held_out", "ncc_threshold_scrambled", "ncc_threshold", "ncc_hits",
    "ncc_hits_over_held_out", "ncc_hits_strict", "ncc_held_out_hits", "calibrated_hits", "calibrated_hits_strict",
    "calibrated_held_out_hits", "one_to_one_hits", "one_to_one_held_out_hits", "ncc_median", "ncc_held_out_median",
    "ssim_hits", "ssim_held_out_hits", "ssim_mean_image_hits", "ssim_best10", "ssim_best45", "ssim_mean", "ssim11_hits",
    "ssim11_best45", "l2_median", "precision_top_hits", "precision_top_quarter",
)  # fmt: skip
WARNING = (
    "What was found without images to compare with proves nothing by itself: many sets of images satisfy the equations "
    "equally well, without held-out images there is no false-positive rate, and an image that does not appear has not "
    "been shown to be safe."
)
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


def run(evaluation_paths: Sequence[Path], folder: Path, inspection_paths: Sequence[Path] = ()) -> None:
    """Write table.csv, .html, .md and .tex, intervals.csv, controls.csv and timings.csv into the folder.

    A row of an inspection is empty where only images could tell.
    """
    evaluations = [store.read(path, "evaluation") for path in evaluation_paths]
    experiments = [*evaluations, *(store.read(path, "inspection") for path in inspection_paths)]
    if not experiments:
        raise UserError("table: no experiments", "give --evaluations, --inspections or both")
    rows = [json.loads(str(experiment["row"])) for experiment in experiments]
    names = [{name: row[name] for name in EXPERIMENT} for row in rows]
    table = pd.DataFrame({name: column([row[name] for row in rows]) for name in rows[0]})
    timings = pd.DataFrame(
        {**name, "stage": stage, "device": device, "seconds": seconds}
        for name, experiment in zip(names, experiments, strict=True)
        for stage, device, seconds in experiment.facts["timings"]
    )
    shown = rounded(table)
    files = {
        "table.csv": table.to_csv(index=False, float_format="%.6g"),
        "table.html": PAGE.format(
            headlines="\n".join(f"<p>{html.escape(headline(row))}</p>" for row in rows),
            table=shown.to_html(index=False, border=0),
        ),
        "table.md": shown.to_markdown(index=False) + "\n",
        "table.tex": shown.to_latex(index=False, escape=True),
        **{
            f"{name}.csv": long(names, evaluations, name, key).to_csv(index=False, float_format="%.6g")
            for name, key in (("intervals", "quantity"), ("controls", "answer"))
        },
        "timings.csv": timings.to_csv(index=False, float_format="%.1f"),
    }
    for name, text in files.items():
        store.write_whole(folder / name, text.encode())
    print(f"table: {len(table)} experiments in {folder / 'table.csv'}")


def long(names: Sequence[Mapping[str, Any]], evaluations: Sequence[store.Stored], name: str, key: str) -> pd.DataFrame:
    """One row for each entry, called `key`, of what evaluations keep as JSON under a name."""
    rows = [
        {**experiment, key: entry, **values}
        for experiment, evaluation in zip(names, evaluations, strict=False)
        for entry, values in json.loads(str(evaluation[name])).items()
    ]
    return pd.DataFrame(rows, columns=None if rows else [*EXPERIMENT, key])


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


def column(values: Sequence[Any]) -> pd.Series:
    """A column of the table; counts stay whole numbers where some are missing."""
    counts = None in values and any(isinstance(value, int) for value in values)
    return pd.Series(values, dtype="Int64" if counts else None)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: four digits of every number that is no count, nothing where there is none."""
    return table.astype(object).map(
        lambda value: "" if pd.isna(value) else f"{value:.4g}" if isinstance(value, float) else value
    )


def headline(row: Mapping[Any, Any]) -> str:
    """What an evaluation or an inspection found, in a sentence or two."""
    where = f"{row['dataset']}, {row['model']}, {row['sweep']}"
    if pd.isna(row["n"]):
        return f"{where}: {row['representatives']} representatives of {row['candidates']} candidates. {WARNING}"
    return (
        f"{where}: {row['ncc_hits_over_held_out']:.0f} of {row['n']:.0f} training images come back above the held-out "
        f"threshold, {row['ncc_hits']:.0f} above the scrambled one, too; of {row['n_held_out']:.0f} images never "
        f"trained on, {row['ncc_held_out_hits']:.0f} pass the held-out threshold."
    )
