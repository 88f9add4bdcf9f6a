"""The charts of an experiment's page, as Vega-Lite that a browser draws from the numbers in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..evaluation.thresholds import threshold
from ..files import store
from .palette import AXIS_LABELS, BLUE, GREEN, GREY, LAYER_COLOURS, LOG_AXES, ORANGE

HEIGHT = 260  # pixels; the width is the page's
POINTS = 400  # of a line
FIRST = (1, 5, 10, 25, 50, 100, 250, 500)  # representatives whose precision is given in numbers
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
GREEK = {"$\\sigma_x$": "σₓ", "$\\lambda_{min}$": "λ min", "$\\alpha$": "α", "lambda": "λ"}


@dataclass(frozen=True)
class Chart:
    """name: unique on the page; caption: what it shows, in words; specification: Vega-Lite as JSON holds it; table:
    some of its numbers for those who cannot see it, a mapping for each row."""

    name: str
    caption: str
    specification: dict[str, Any]
    table: Sequence[Mapping[Any, Any]]


def chart(name: str, caption: str, drawing: alt.Chart | alt.LayerChart, table: pd.DataFrame | None = None) -> Chart:
    drawn = drawing.properties(width="container", height=HEIGHT, description=caption).configure(**STYLE)
    return Chart(name, caption, drawn.to_dict(), [] if table is None else table.to_dict("records"))


def colours(series: Mapping[str, str]) -> alt.Color:
    """Series by name and colour, in a legend below."""
    scale = alt.Scale(domain=list(series), range=list(series.values()))
    return alt.Color("series:N", scale=scale)


def training(training: store.Stored) -> Iterator[Chart]:
    """Loss and margins over the steps of training; none where weights came from elsewhere."""
    steps = training["curve/step"]
    if len(steps) < 2:
        return
    x = alt.X("step:Q", title="training step")
    loss = pd.DataFrame({"step": steps, "loss": positive(training["curve/loss"])})
    y = alt.Y("loss:Q", title="mean logistic loss").scale(type="log").axis(format=".0e")
    yield chart("loss", "Training loss.", alt.Chart(loss).mark_line(color=BLUE).encode(x, y, tooltip=["step", "loss"]))
    margins = long(
        "step", steps, {"smallest": training["curve/smallest_margin"], "median": training["curve/median_margin"]}
    )
    y = alt.Y("value:Q", title="margin y Φ(x)")
    drawing = alt.Chart(margins).mark_line().encode(x, y, colours({"smallest": BLUE, "median": ORANGE}))
    yield chart("margins", "Margins of the training images while training.", drawing)


def scores(evaluation: store.Stored, limit: float) -> Chart:
    """The share of images above every NCC, of training, held-out and scrambled ones; limit: what a hit must pass.

    With scrambled candidates an image has a score in each draw.
    """
    series = {
        "trained on": (BLUE, evaluation["training/ncc"]),
        "never trained on": (ORANGE, evaluation["held_out/ncc"]),
        "scrambled candidates": (GREEN, evaluation["scrambled/ncc"].ravel()),
    }
    table = pd.concat([long("ncc", *survival(ncc, name)) for name, (_, ncc) in series.items()])
    percent = [1, 5, 10, 25, 50, 75, 90]
    reached = {name: [threshold(ncc, share / 100) for share in percent] for name, (_, ncc) in series.items()}
    lines = alt.Chart(table).mark_line(interpolate="step-before").encode(
        alt.X("ncc:Q", title="NCC with the nearest candidate"),
        alt.Y("value:Q", title="share of images above").axis(format="%"),
        colours({name: colour for name, (colour, _) in series.items()}),
    )  # fmt: skip
    caption = (
        "The share of images that score above each NCC, and of scores with random candidates over many draws of them. "
        "Dashed: the threshold that a hit must pass."
    )
    return chart("scores", caption, lines + rule("x", limit), pd.DataFrame({"share above, %": percent, **reached}))


def survival(scores: np.ndarray, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Scores in descending order, thinned to POINTS, and the share of them at or above each."""
    kept = np.unique(np.linspace(0, len(scores) - 1, POINTS).round().astype(int))
    return np.sort(scores)[::-1][kept], {name: (kept + 1) / len(scores)}


def margins(evaluation: store.Stored, training: store.Stored, limit: float) -> Chart:
    """NCC of each training image against its margin."""
    on_margin = np.where(training["on_margin"], "on the margin", "off the margin")
    table = pd.DataFrame(
        {
            "margin": training["margins"],
            "ncc": evaluation["training/ncc"].astype(float),
            "series": on_margin,
            "image": evaluation["training/source_index"],
        }
    )
    points = alt.Chart(table).mark_point(filled=True, size=35, opacity=0.7).encode(
        alt.X("margin:Q", title="margin y Φ(x) of the training image").scale(zero=False),
        alt.Y("ncc:Q", title="NCC with the nearest candidate").scale(zero=False),
        colours({"on the margin": BLUE, "off the margin": ORANGE}),
        alt.Shape("series:N").scale(domain=["on the margin", "off the margin"], range=["circle", "triangle-up"]),
        tooltip=["image", "margin", "ncc"],
    )  # fmt: skip
    caption = "Training images by margin. The theory speaks of those on the margin. Dashed: the threshold of a hit."
    return chart("margin", caption, points + rule("y", limit))


def unexplained(candidates: store.Stored, squared_norms: np.ndarray, true_residuals: np.ndarray | None = None) -> Chart:
    """The share of each layer's squared norm (L,) that restarts leave unexplained, beside what the true data leave."""
    kept = ~candidates["restarts/diverged"]
    shares = candidates["restarts/trace/residuals"][kept] / squared_norms
    names = [f"layer {layer + 1}" for layer in range(shares.shape[2])]
    ends = {
        end: pd.DataFrame(positive(np.quantile(shares, q, axis=0)), columns=names)
        for end, q in (("low", 0), ("median", 0.5), ("high", 1))
    }
    table = pd.concat(
        pd.DataFrame(
            {
                "iteration": candidates["restarts/trace/iterations"],
                "series": name,
                **{end: values[name] for end, values in ends.items()},
            }
        )
        for name in names
    )
    colour = colours(dict(zip(names, LAYER_COLOURS * len(names), strict=False)))
    x, title = alt.X("iteration:Q", title="iteration"), "unexplained share of ‖W‖²"
    base = alt.Chart(table)
    drawing = base.mark_area(opacity=0.2).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    drawing += base.mark_line().encode(x, alt.Y("median:Q", title=title).scale(**LOG).axis(**PLAIN), colour)
    caption = "What the candidates leave of each layer's squared norm: median and range over restarts."
    if true_residuals is not None:
        truth = pd.DataFrame({"series": names, "share": positive(true_residuals / squared_norms)})
        drawing += alt.Chart(truth).mark_rule(strokeDash=[6, 4]).encode(alt.Y("share:Q"), colour)
        caption += (
            " Dashed: what the true training data leave; below it, a restart fits the weights better than the truth."
        )
    last = table[table["iteration"] == table["iteration"].max()].rename(columns={"series": "at the end"})
    numbers = last[["at the end", "low", "median", "high"]]
    if true_residuals is not None:
        numbers = numbers.assign(**{"true data": true_residuals / squared_norms})
    return chart("unexplained", caption, drawing, numbers)


def hyperparameters(candidates: store.Stored, found: np.ndarray, title: str) -> list[Chart]:
    """What each restart found (R,), of those that did not diverge, against each hyperparameter that varies."""
    kept = ~candidates["restarts/diverged"]
    whole: dict[str, Any] = {"tickMinStep": 1} if found.dtype.kind == "i" else {}
    drawn = []
    for name, written in AXIS_LABELS.items():
        values = candidates[f"restarts/hyperparameters/{name}"][kept]
        if np.ptp(values) == 0:
            continue
        label = plain(written)
        table = pd.DataFrame({"value": values, "found": found, "restart": candidates["restarts/restart"][kept]})
        x = alt.X("value:Q", title=label).scale(**(LOG if name in LOG_AXES else {"zero": False})).axis(**PLAIN)
        y = alt.Y("found:Q", title=title).scale(zero=True, nice=5).axis(**whole)
        points = alt.Chart(table).mark_point(filled=True, size=45, opacity=0.7, color=BLUE)
        drawing = points.encode(x, y, tooltip=["restart", "value", "found"])
        drawn.append(chart(f"hyperparameter-{name}", f"{title[0].upper()}{title[1:]}, by {label}.", drawing))
    return drawn


def growth(evaluation: store.Stored) -> Iterator[Chart]:
    """Hits over the number of restarts, where there are several."""
    if len(evaluation["growth/restarts"]) < 2:
        return
    series = {"trained on": ("growth/hits", BLUE), "never trained on": ("growth/held_out_hits", ORANGE)}
    table = pd.concat(
        pd.DataFrame(evaluation[array], columns=["median", "low", "high"]).assign(
            restarts=evaluation["growth/restarts"], series=name
        )
        for name, (array, _) in series.items()
    )
    colour = colours({name: value for name, (_, value) in series.items()})
    measured = evaluation["growth/restarts"].tolist()
    x, base = alt.X("restarts:Q", title="restarts").axis(values=measured, format="d"), alt.Chart(table)
    drawing = base.mark_area(opacity=0.2).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    drawing += base.mark_line(point=True).encode(x, alt.Y("median:Q", title="images found").axis(tickMinStep=1), colour)
    caption = "Would more restarts pay? Images found by as many restarts: median and 95 % of random choices of them."
    yield chart("growth", caption, drawing, table[["series", "restarts", "median", "low", "high"]])


def precision(evaluation: store.Stored, limit: float) -> Chart:
    """The share of true images among the k representatives ranked first, for every k."""
    real = evaluation["representatives/ncc"] > limit
    ranks = np.unique(np.geomspace(1, len(real), POINTS).round().astype(int))
    table = pd.DataFrame({"rank": ranks, "precision": (np.cumsum(real) / np.arange(1, len(real) + 1))[ranks - 1]})
    drawing = alt.Chart(table).mark_line(color=BLUE).encode(
        alt.X("rank:Q", title="representatives ranked first").scale(**LOG).axis(**PLAIN),
        alt.Y("precision:Q", title="share that are true images").scale(domain=[0, 1]),
        tooltip=["rank", "precision"],
    )  # fmt: skip
    caption = "Precision of the blind ranking: the share of true images among the first."
    first = [count for count in FIRST if count <= len(real)]
    numbers = pd.DataFrame({"ranked first": first, "share true": [real[:count].mean() for count in first]})
    return chart("precision", caption, drawing, numbers)


def rule(axis: str, value: float) -> alt.Chart:
    """A dashed line across the chart."""
    line = alt.Chart(pd.DataFrame({"at": [value]})).mark_rule(color=GREY, strokeDash=[6, 4])
    return line.encode(alt.X("at:Q") if axis == "x" else alt.Y("at:Q"))


def long(name: str, values: np.ndarray, series: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row for each value and series."""
    return pd.DataFrame({name: values, **series}, dtype=float).melt(name, var_name="series")


def positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show."""
    return np.where(values > 0, values, np.nan)


def plain(label: str) -> str:
    """An axis label without TeX."""
    for written, symbol in GREEK.items():
        label = label.replace(written, symbol)
    return label
