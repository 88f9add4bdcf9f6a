"""Stage `table`: one row an experiment, and beside it the controls and the timings."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from . import store
from .errors import UserError

EXPERIMENT = ["dataset", "model", "sweep"]
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


def run(evaluation_paths: Sequence[Path], folder: Path) -> None:
    """Write table.csv, .html, .md and .tex, controls.csv and timings.csv into the folder."""
    evaluations = [store.read(path, "evaluation") for path in evaluation_paths]
    rows = [json.loads(str(evaluation["row"])) for evaluation in evaluations]
    names = [{name: row[name] for name in EXPERIMENT} for row in rows]
    table = pd.DataFrame(rows)
    controls = pd.DataFrame(
        {**name, "answer": answer, **row}
        for name, evaluation in zip(names, evaluations, strict=True)
        for answer, row in json.loads(str(evaluation["controls"])).items()
    )
    timings = pd.DataFrame(
        {**name, "stage": stage, "device": device, "seconds": seconds}
        for name, evaluation in zip(names, evaluations, strict=True)
        for stage, device, seconds in evaluation.facts["timings"]
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
        "controls.csv": controls.to_csv(index=False, float_format="%.6g"),
        "timings.csv": timings.to_csv(index=False, float_format="%.1f"),
    }
    for name, text in files.items():
        store.write_whole(folder / name, text.encode())
    print(f"table: {len(table)} experiments in {folder / 'table.csv'}")


def show(folder: Path) -> None:
    """Print the table with one line a column, which a terminal can hold."""
    path = folder / "table.csv"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); run the workflow first") from None
    print(rounded(table).set_index(EXPERIMENT).T.to_string(index_names=False))
    for row in table.to_dict("records"):
        print(f"\n{headline(row)}")
        print(f"figures: {folder.joinpath(*(row[name] for name in EXPERIMENT), 'figures')}/")


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: four digits of every number that is no count."""
    return table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else value)


def headline(row: Mapping[Any, Any]) -> str:
    """What an evaluation found, in a sentence."""
    return (
        f"{row['dataset']}, {row['model']}, {row['sweep']}: {row['ncc_hits_over_held_out']} of {row['n']} training "
        f"images come back above the held-out threshold, {row['ncc_hits']} above the scrambled one, too; of "
        f"{row['n']} images never trained on, {row['ncc_held_out_hits']} pass."
    )
