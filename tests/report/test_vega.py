"""A chart's rows as a table to save."""

import csv
import io
from urllib.parse import unquote

from reconstruction.report import vega

LINES = [{"x": 3, "y": 1e-300}, {"x": -1, "y": None}, {"x": None, "y": 0.1}]
POINTS = [
    {"y": value, 'a "name", quoted': value} for value in ("", "a,b", 'say "so"', "two\nlines", "Zoë & 100 %\t#", 7)
]


def saved(chart):
    head, _, text = chart.csv.partition(",")
    assert head == "data:text/csv;charset=utf-8"
    return list(csv.DictReader(io.StringIO(unquote(text), newline="")))


def test_every_row_of_every_layer_is_saved_with_its_mark():
    band = vega.band(LINES, {}, {}, {}, {"type": "line", "point": True})
    chart = vega.chart("some", "", [band, vega.layer(POINTS, "point"), vega.rule("x", 0.25)])
    written = [("line", row) for row in LINES] + [("point", row) for row in POINTS] + [("rule", {"at": 0.25})]
    columns = dict.fromkeys(name for _, row in written for name in row)
    assert saved(chart) == [
        {"mark": mark, **{name: "" if row.get(name) is None else str(row[name]) for name in columns}}
        for mark, row in written
    ]


def test_a_chart_of_nothing_saves_nothing():
    assert saved(vega.chart("none", "", [])) == []
