"""A chart as Vega-Lite, which a browser draws from the numbers in it: data, marks and channels as plain mappings."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from .palette import GREY

HEIGHT = 260  # pixels; the width is the page's
TEXT = "currentColor"  # the page's, light or dark
STYLE: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "axis": {
        "labelColor": TEXT, "titleColor": TEXT, "domainColor": TEXT, "tickColor": TEXT, "gridColor": TEXT,
        "gridOpacity": 0.12, "labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal", "tickCount": 6,
    },
    "legend": {
        "labelColor": TEXT, "titleColor": TEXT, "labelFontSize": 12, "title": None, "orient": "bottom", "columns": 2,
        "symbolOpacity": 1, "symbolStrokeWidth": 2, "labelLimit": 0,
    },
    "mark": {"aria": False},
    "view": {"stroke": None},
}  # fmt: skip
LOG: dict[str, Any] = {"type": "log", "nice": False, "padding": 8}  # pixels
PLAIN: dict[str, Any] = {"grid": False}
DASHED: dict[str, Any] = {"type": "rule", "strokeDash": [6, 4]}
VEGA_LITE = "6.4.1"

Rows = list[dict[str, Any]]
Layer = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """name: unique on the page; caption: what it shows, in words; specification: Vega-Lite as JSON holds it; table:
    some of its numbers for those who cannot see it, a mapping for each row."""

    name: str
    caption: str
    specification: dict[str, Any]
    table: Sequence[Mapping[Any, Any]]

    @property
    def csv(self) -> str:
        """All that it draws as a URI: a row for each point of a layer, which mark says."""
        drawn = [
            {"mark": mark(layer), **row} for layer in self.specification["layer"] for row in layer["data"]["values"]
        ]
        columns = dict.fromkeys(name for row in drawn for name in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(drawn)
        return f"data:text/csv;charset=utf-8,{quote(text.getvalue(), safe=',')}"


def chart(name: str, caption: str, layers: Sequence[Layer], table: Rows | None = None) -> Chart:
    specification = {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VEGA_LITE}.json",
        "config": STYLE, "width": "container", "height": HEIGHT, "description": caption, "layer": list(layers),
    }  # fmt: skip
    return Chart(name, caption, specification, table or [])


def layer(data: Rows, mark: str | dict[str, Any], tooltip: Sequence[str] = (), **encoding: dict[str, Any]) -> Layer:
    """A mark for each row, or through all of a series; encoding: its channels; tooltip: columns shown on pointing."""
    shown = {"tooltip": [{"field": column, "type": kind(data, column)} for column in tooltip]} if tooltip else {}
    return {"data": {"values": data}, "mark": mark, "encoding": {**encoding, **shown}}


def mark(layer: Layer) -> str:
    """What it draws of its rows; of several marks the last."""
    drawn = layer["mark"] if "mark" in layer else layer["layer"][-1]["mark"]
    return str(drawn["type"] if isinstance(drawn, dict) else drawn)


def kind(data: Rows, column: str) -> str:
    return "nominal" if any(isinstance(row[column], str) for row in data) else "quantitative"


def quantity(column: str, title: str | None = None, **more: Any) -> dict[str, Any]:
    """A column of numbers as a channel, with a title and what else Vega-Lite knows of a channel."""
    return {"field": column, "type": "quantitative", **({} if title is None else {"title": title}), **more}


def colours(series: Mapping[str, str]) -> dict[str, Any]:
    """Series by name and colour as a channel, in a legend below."""
    return {"field": "series", "type": "nominal", "scale": {"domain": list(series), "range": list(series.values())}}


def rows(**columns: np.ndarray | Sequence[Any]) -> Rows:
    """Columns of one length as rows; what is no finite number is none."""
    lists = [np.asarray(column).tolist() for column in columns.values()]
    return [dict(zip(columns, map(finite, line), strict=True)) for line in zip(*lists, strict=True)]


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def band(data: Rows, x: dict[str, Any], y: dict[str, Any], colour: dict[str, Any], line: str | dict[str, Any]) -> Layer:
    """A line for each series, and behind it the area between its low and its high."""
    ends = {"y": quantity("low"), "y2": {"field": "high"}}
    return {
        "data": {"values": data},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.2}, "encoding": {"x": x, **ends, "color": colour}},
            {"mark": line, "encoding": {"x": x, "y": y, "color": colour}},
        ],
    }


def rule(axis: str, value: float) -> Layer:
    """A dashed line across the chart."""
    at = quantity("at")
    channel = {"x": at} if axis == "x" else {"y": at}
    return {"data": {"values": rows(at=[value])}, "mark": {**DASHED, "color": GREY}, "encoding": channel}
