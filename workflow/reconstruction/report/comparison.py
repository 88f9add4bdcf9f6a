"""Charts that compare experiments along the settings in which they differ."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import verdict
from .palette import BLUE, GREEN, ORANGE
from .row import EXPERIMENT
from .table import is_setting
from .vega import LOG, PLAIN, Chart, chart, colours, layer, quantity

SHARES = {  # from 0 to 1, with the count that the first is a share of; {} is what matches are scored by
    "members told": ("membership_tpr", None, ORANGE),
    "images reconstructed": ("reconstructed_images", "n", BLUE),
    "median {}": ("ncc_median", None, GREEN),
}
TICKS = 8  # at most, where each is a value
FAR = 10  # how many times the smallest value the largest is on a logarithmic axis

Row = Mapping[str, Any]


def charts(rows: Sequence[Row]) -> list[Chart]:
    """A chart along each setting, of the experiments that have images; settings that vary together share one."""
    evaluated = [row for row in rows if verdict.is_evaluated(row)]
    together: dict[tuple[int, ...], list[str]] = {}
    for name in filter(is_setting, rows[0]):
        values = [row[name] for row in evaluated]
        if len({value for value in values if value is not None}) > 1:
            together.setdefault(tuple(map(values.index, values)), []).append(name)
    return [along(names, evaluated) for names in together.values()]


def along(names: Sequence[str], rows: Sequence[Row]) -> Chart:
    """The shares of each experiment along the first of settings that vary together, a number where one is."""
    name = next((name for name in names if are_numbers(row[name] for row in rows)), names[0])
    scored_by = verdict.similarities(rows)
    shown = {series.format(scored_by): columns for series, columns in SHARES.items()}
    points = [
        {"value": row[name], "series": series, "share": share, "experiment": ", ".join(row[key] for key in EXPERIMENT)}
        for row in rows
        for series, share in shares(row, shown).items()
        if row[name] is not None
    ]
    values = list(dict.fromkeys(point["value"] for point in points))
    x: dict[str, Any] = {"field": "value", "type": "ordinal", "title": name, "sort": None, "axis": {"labelAngle": 0}}
    if are_numbers(values):
        values.sort()
        far = values[0] > 0 and values[-1] >= FAR * values[0]
        ticks = {**PLAIN, "values": values} if len(values) <= TICKS else PLAIN
        x = quantity("value", name, scale=LOG if far else {"zero": False, "padding": 8}, axis=ticks)
    found = {
        value: {
            series: [it["share"] for it in points if (it["value"], it["series"]) == (value, series)] for series in shown
        }
        for value in values
    }
    medians = {value: {series: median(of_one) for series, of_one in of_all.items()} for value, of_all in found.items()}
    line = [
        {"value": value, "series": series, "share": share}
        for value, of_all in medians.items()
        for series, share in of_all.items()
    ]
    how: Any = {
        "x": x,
        "y": quantity(
            "share", f"share of the training images, or {scored_by}", scale={"domain": [0, 1], "clamp": True}
        ),
        "color": colours({series: colour for series, (_, _, colour) in shown.items()}),
    }
    point = {"type": "point", "filled": True, "size": 60, "opacity": 0.8}
    drawn = [layer(line, "line", **how), layer(points, point, ("experiment", "value", "share"), **how)]
    others = [other for other in names if other != name]
    caption = (
        f"Experiments by {name}{', with which ' + ', '.join(others) + ' varies' if others else ''}; lines: medians."
    )
    return chart(f"along-{name}", caption, drawn, [{name: value, **medians[value]} for value in values])


def shares(row: Row, shown: Mapping[str, tuple[str, str | None, str]]) -> dict[str, float]:
    """The shares of an experiment, of those that it has."""
    found = {series: (row[column], row[of] if of else 1) for series, (column, of, _) in shown.items()}
    return {series: value / of for series, (value, of) in found.items() if value is not None and value == value}


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values if value is not None)
