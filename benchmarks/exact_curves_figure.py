"""Figure and tables of the CSV that benchmarks/exact_curves.py writes."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import matplotlib
from exact_axes import AXES, DEMO, Axis, Setting
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from reconstruction.report.figures import STYLE, WIDTH
from reconstruction.report.palette import BLUE, GREY, ORANGE

Row = tuple[Setting, dict[str, float]]

SERIES = (
    ("closure_tpr_1", ORANGE, "^", "members told\nat 1 % FPR"),
    ("above_90", BLUE, "o", "NCC > 0.9"),
    ("above_99", "#56B4E9", "s", "NCC > 0.99"),
)
PER_ROW = 4
HEIGHT = 1.5  # inches, of a row of panels
LINE = 14  # per cent, the height of a line of a label
TICKS = 4  # in a panel
WIDE = 6  # more names than this take a row of their own
COLUMNS = {
    "applies": "condition",
    "directions": "directions",
    "right": "gates",
    "wrong": "without",
    "above_90": "NCC > 0.9",
    "above_99": "0.99",
    "held_out_above_90": "held-out 0.9",
    "closure_tpr_1": "TPR at 1 %",
    "closure_tpr_01": "0.1 %",
    "training_seconds": "training, s",
    "attack_seconds": "attack, s",
}


def read(path: Path) -> list[Row]:
    """The rows of a CSV, or none of one that is not there yet: settings, and what was measured."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {field.name: type(getattr(DEMO, field.name)) for field in fields(Setting)}
    return [
        (
            Setting(**{name: kind(row[name]) for name, kind in kinds.items()}),
            {name: float(value) for name, value in row.items() if name not in kinds},
        )
        for row in rows
    ]


def on(axis: Axis, rows: Sequence[Row]) -> list[Row]:
    """The rows of an axis, of all seeds, from left to right."""
    places = {setting: place for place, setting in enumerate(axis.settings)}
    found = [(setting, row) for setting, row in rows if replace(setting, seed=0) in places]
    return sorted(found, key=lambda each: (places[replace(each[0], seed=0)], each[0].seed))


def draw(rows: Sequence[Row], path: Path) -> None:
    with matplotlib.rc_context(STYLE):
        panels(rows).savefig(path)


def panels(rows: Sequence[Row]) -> Figure:
    """A panel for each axis with two rows at least, a mark for each network, lines through the medians of the seeds."""
    shown = [axis for axis in AXES.values() if len(on(axis, rows)) > 1]
    wide = [axis for axis in shown if len(axis.settings) > WIDE and isinstance(axis.value(axis.settings[0]), str)]
    narrow = [axis for axis in shown if axis not in wide]
    lines = -(-len(narrow) // PER_ROW)
    figure = Figure(figsize=(WIDTH, HEIGHT * (lines + len(wide)) + 0.3))
    figure.suptitle(
        "Hollow: refused by the condition, attacked all the same. Grey line: the demo's network", fontsize=7
    )
    grid = figure.add_gridspec(lines + len(wide), PER_ROW)
    places = [grid[number // PER_ROW, number % PER_ROW] for number in range(len(narrow))]
    places += [grid[lines + number, :] for number in range(len(wide))]
    for number, (axis, place) in enumerate(zip(narrow + wide, places, strict=True)):
        panel = figure.add_subplot(place, ylim=(-6, 106), yticks=(0, 50, 100))
        _panel(axis, on(axis, rows), panel, named=number == min(PER_ROW, len(narrow)) - 1)
        panel.set_title("abcdefghijkl"[number], loc="left", fontsize=8, fontweight="bold", pad=3)
        if place.colspan.start:
            panel.set_yticklabels([])
    figure.supylabel("training images, %", fontsize=8)
    return figure


def share(name: str, each: Row) -> float:
    """Of the training images, in per cent."""
    setting, row = each
    return 100 * (row[name] if name.startswith("closure") else row[name] / setting.images)


def _panel(axis: Axis, rows: list[Row], panel: Axes, named: bool) -> None:
    values = [axis.value(setting) for setting, _ in rows]
    numbers = not isinstance(values[0], str)
    order = list(dict.fromkeys(values))
    at = values if numbers else [order.index(value) for value in values]
    _scale(panel, order, numbers)
    if DEMO in axis.settings and axis.value(DEMO) in order:
        panel.axvline(
            axis.value(DEMO) if numbers else order.index(axis.value(DEMO)), color=GREY, alpha=0.3, linewidth=3
        )
    ends = []
    for name, colour, marker, label in SERIES:
        shares = [share(name, each) for each in rows]
        medians = [statistics.median(s for s, v in zip(shares, values, strict=True) if v == value) for value in order]
        if numbers:
            panel.plot(order, medians, color=colour, linewidth=1)
        for x, y, (_, row) in zip(at, shares, rows, strict=True):
            face = colour if row["applies"] else "white"
            panel.plot([x], [y], marker, color=colour, markerfacecolor=face, markersize=3.5, markeredgewidth=0.8)
        ends.append((medians[-1], colour, label))
    if named:
        _name(panel, ends)
    panel.set_xlabel(axis.title)
    panel.tick_params(axis="x", labelsize=6.5)


def _scale(panel: Axes, order: list[float], numbers: bool) -> None:
    """Logarithmic where numbers differ fivefold; 0 stands a step before the smallest."""
    if not numbers:
        panel.set_xticks(range(len(order)), list(map(str, order)))
        panel.set_xlim(-0.5, len(order) - 0.5)
        return
    least, most = min(value for value in order if value), max(order)
    if 0 in order:
        panel.set_xscale("symlog", linthresh=least)
    elif most >= 5 * least:
        panel.set_xscale("log")
    if most <= 50 * least:
        ticks = order[:: -(-len(order) // TICKS)]
        panel.set_xticks(ticks, [f"{value:g}" for value in ticks])
    else:
        powers = [value for value in order if not value or f"{value:e}".startswith("1.000000")]
        panel.set_xticks(powers[:: -(-len(powers) // TICKS)])
    panel.xaxis.set_minor_locator(NullLocator())


def _name(panel: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Labels right of the panel, each at its line's end or as near as the others let it."""
    bottom = math.inf
    for level, colour, label in sorted(ends, key=lambda end: -end[0]):
        half = LINE * (1 + label.count("\n")) / 2
        middle = min(level, bottom - half)
        bottom = middle - half
        panel.annotate(
            label, (1, middle), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            color=colour, fontsize=6.5, va="center", annotation_clip=False,
        )  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """A table with a line for each network, axis by axis."""
    lines = [["", "", "seed", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 3)]
    for axis in AXES.values():
        title = axis.title
        for setting, row in on(axis, rows):
            value = axis.value(setting)
            shown = value.replace("\n", ", ") if isinstance(value, str) else f"{value:g}"
            lines.append([title, shown, str(setting.seed), *(_cell(name, row, setting) for name in COLUMNS)])
            title = ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(name: str, row: dict[str, float], setting: Setting) -> str:
    if name == "applies":
        found = f", rank {row['rank']:.0f}" if row["rank"] != setting.images - 1 else ""
        return ("accepts" if row[name] else "refuses") + found
    return f"{row[name]:.2f}" if name.startswith("closure") else f"{row[name]:.0f}"
