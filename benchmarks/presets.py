"""The figures of docs/results.md that take a whole table: python benchmarks/presets.py sizes table.csv sizes.png.

sizes: share of the images that come back, against their number and the network's width (config/sizes.yaml);
convergence: the same against the training loss (config/convergence.yaml). Points are networks of different seeds.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito


def sizes(table: pd.DataFrame) -> Figure:
    table = table.assign(hidden=table["network"].str.split("-").str[1].astype(int))
    figure, axis = _axis("training images n")
    for (hidden, rows), colour in zip(table.groupby("hidden"), COLOURS, strict=False):
        _series(axis, rows["n"], rows, colour, f"{hidden} units a layer")
    axis.set_xscale("log")
    ticks = sorted(table["n"].unique())
    axis.set_xticks(ticks, list(map(str, ticks)))
    axis.minorticks_off()
    axis.legend(frameon=False)
    return figure


def convergence(table: pd.DataFrame) -> Figure:
    table = table.assign(target=10 ** table["training_loss"].map(lambda loss: round(math.log10(loss))).astype(float))
    figure, axis = _axis("mean logistic loss at the end of training")
    _series(axis, table["target"], table, COLOURS[0], "training images")
    _series(axis, table["target"], table, COLOURS[1], "held-out images, cross-fitted", "ncc_held_out_hits")
    axis.set_xscale("log")
    axis.invert_xaxis()
    axis.legend(frameon=False)
    return figure


def _axis(label: str):
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.set_xlabel(label)
    axis.set_ylabel("above both NCC thresholds, %")
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def _series(axis, places: pd.Series, rows: pd.DataFrame, colour: str, name: str, column: str = "ncc_hits") -> None:
    shares = 100 * rows[column] / rows["n"]
    axis.plot(places, shares, ".", color=colour, alpha=0.6)
    medians = shares.groupby(places).median()
    axis.plot(medians.index, medians, color=colour, label=name)
    axis.set_ylim(bottom=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("sizes", "convergence"))
    parser.add_argument("table", type=Path, help="table.csv of the preset")
    parser.add_argument("output", type=Path, help="figure to write, .png or .pdf")
    arguments = parser.parse_args()
    matplotlib.use("Agg")
    draw = {"sizes": sizes, "convergence": convergence}[arguments.figure]
    draw(pd.read_csv(arguments.table)).savefig(arguments.output, dpi=150)


if __name__ == "__main__":
    main()
