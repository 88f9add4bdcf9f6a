"""The charts of an experiment's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from ..evaluation.membership import SCORES
from ..evaluation.thresholds import threshold
from ..files import store
from . import lists
from .palette import AXIS_LABELS, BLUE, GREEN, LAYER_COLOURS, LOG_AXES, ORANGE
from .vega import DASHED, LOG, PLAIN, Chart, Rows, band, chart, colours, layer, quantity, rows, rule
from .verdict import scored_by

POINTS = 400  # of a line
RATES = (0.01, 0.05, 0.1, 0.25, 0.5)  # of false positives, whose true-positive rates are given in numbers
FIRST = (1, 5, 10, 25, 50, 100, 250, 500)  # representatives whose precision is given in numbers


def training(training: store.Stored) -> Iterator[Chart]:
    """Loss and margins over the steps of training; none where weights came from elsewhere."""
    steps = training["curve/step"]
    if len(steps) < 2:
        return
    x = quantity("step", "training step")
    y = quantity("loss", "mean loss", scale={"type": "log"}, axis={"format": ".0e"})
    loss = rows(step=steps, loss=positive(training["curve/loss"]))
    line = layer(loss, {"type": "line", "color": BLUE}, ("step", "loss"), x=x, y=y)
    yield chart("loss", "Training loss.", [line])
    series = {"smallest": BLUE, "median": ORANGE}
    margins = [
        row
        for name in series
        for row in rows(step=steps, value=training[f"curve/{name}_margin"], series=[name] * len(steps))
    ]
    y = quantity("value", "margin")
    line = layer(margins, "line", x=x, y=y, color=colours(series))
    yield chart("margins", "Margins of the training images while training.", [line])


def scores(evaluation: store.Stored, limit: float) -> Chart:
    """The share of images above every NCC, of training, held-out and scrambled ones; limit: what a hit must pass.

    With scrambled candidates an image has a score in each draw.
    """
    series = {
        "trained on": (BLUE, evaluation["training/ncc"]),
        "never trained on": (ORANGE, evaluation["held_out/ncc"]),
        "scrambled candidates": (GREEN, evaluation["scrambled/ncc"].ravel()),
    }
    data = [row for name, (_, ncc) in series.items() for row in survival(ncc, name)]
    numbers = [
        {"share above, %": share, **{name: threshold(ncc, share / 100) for name, (_, ncc) in series.items()}}
        for share in (1, 5, 10, 25, 50, 75, 90)
    ]
    lines = layer(
        data,
        {"type": "line", "interpolate": "step-before"},
        x=quantity("ncc", f"{scored_by(evaluation)} with the nearest candidate"),
        y=quantity("value", "share of images above", axis={"format": "%"}),
        color=colours({name: colour for name, (colour, _) in series.items()}),
    )
    caption = (
        f"The share of images that score above each {scored_by(evaluation)}, and of scores with random candidates over "
        "many draws of them. "
        "Dashed: the threshold that a hit must pass."
    )
    return chart("scores", caption, [lines, rule("x", limit)], numbers)


def membership(evaluation: store.Stored) -> Chart:
    """The share of members told, by each score of membership, against the share of others that pass."""
    data, numbers = [], []
    for name in SCORES:
        members, others = evaluation[f"training/{name}"], evaluation[f"held_out/{name}"]
        true = np.repeat([True, False], [len(members), len(others)])
        passing, told, _ = roc_curve(true, np.concatenate([members, others]))
        data += rows(passing=passing, told=told, series=[name] * len(told))
        numbers += [{"score": name, **{f"at {rate:.0%}": float(told[passing <= rate].max()) for rate in RATES}}]
    line = layer(
        data,
        {"type": "line", "interpolate": "step-after"},
        x=quantity("passing", "false-positive rate"),
        y=quantity("told", "true-positive rate"),
        color=colours(dict(zip(SCORES, (BLUE, GREEN, ORANGE), strict=True))),
    )
    return chart("roc", "Training images told from images never trained on, by each score.", [line], numbers)


def survival(scores: np.ndarray, name: str) -> Rows:
    """Scores in descending order, thinned to POINTS, and the share of them at or above each."""
    kept = np.unique(np.linspace(0, len(scores) - 1, POINTS).round().astype(int))
    return rows(ncc=np.sort(scores)[::-1][kept], value=(kept + 1) / len(scores), series=[name] * len(kept))


def margins(evaluation: store.Stored, training: store.Stored, limit: float) -> Chart:
    """NCC of each training image against its margin."""
    series = ("on the margin", "off the margin")
    data = rows(
        margin=training["margins"],
        ncc=evaluation["training/ncc"],
        series=np.where(training["on_margin"], *series),
        image=evaluation["training/source_index"],
    )
    points = layer(
        data,
        {"type": "point", "filled": True, "size": 35, "opacity": 0.7},
        ("image", "margin", "ncc"),
        x=quantity("margin", "margin of the training image", scale={"zero": False}),
        y=quantity("ncc", f"{scored_by(evaluation)} with the nearest candidate", scale={"zero": False}),
        color=colours(dict(zip(series, (BLUE, ORANGE), strict=True))),
        shape={
            "field": "series", "type": "nominal",
            "scale": {"domain": list(series), "range": ["circle", "triangle-up"]},
        },
    )  # fmt: skip
    caption = (
        "Training images by margin, or minus the absolute error. Of classifiers the theory speaks of those on the "
        "margin. Dashed: the threshold of a hit."
    )
    return chart("margin", caption, [points, rule("y", limit)])


def unexplained(
    candidates: store.Stored, squared_norms: np.ndarray, true_residuals: np.ndarray | None = None
) -> Iterator[Chart]:
    """The share of each layer's squared norm (L,) that restarts leave unexplained, beside what the true data leave."""
    if len(candidates["restarts/trace/iterations"]) < 2:
        return
    kept = ~candidates["restarts/diverged"]
    shares = candidates["restarts/trace/residuals"][kept] / squared_norms
    names = [f"layer {layer + 1}" for layer in range(shares.shape[2])]
    low, median, high = (positive(np.quantile(shares, q, axis=0)) for q in (0, 0.5, 1))  # (iterations, L)
    iterations = candidates["restarts/trace/iterations"]
    of_layers = [
        rows(iteration=iterations, series=[name] * len(iterations), low=low[:, k], median=median[:, k], high=high[:, k])
        for k, name in enumerate(names)
    ]
    data = [row for of_layer in of_layers for row in of_layer]
    colour = colours(dict(zip(names, LAYER_COLOURS * len(names), strict=False)))
    y = quantity("median", "unexplained share of ‖W‖²", scale=LOG, axis=PLAIN)
    drawn = [band(data, quantity("iteration", "iteration"), y, colour, "line")]
    caption = "What the candidates leave of each layer's squared norm: median and range over restarts."
    numbers = [
        {"at the end": name, **{end: of_layer[-1][end] for end in ("low", "median", "high")}}
        for name, of_layer in zip(names, of_layers, strict=True)
    ]
    if true_residuals is not None:
        true = true_residuals / squared_norms
        drawn.append(layer(rows(series=names, share=positive(true)), DASHED, y=quantity("share"), color=colour))
        caption += (
            " Dashed: what the true training data leave; below it, a restart fits the weights better than the truth."
        )
        numbers = [{**row, "true data": share} for row, share in zip(numbers, true.tolist(), strict=True)]
    yield chart("unexplained", caption, drawn, numbers)


def gaps(candidates: store.Stored, evaluation: store.Stored, limit: float) -> Iterator[Chart]:
    """NCC of each image that was read out of the weights against its pattern's gap; none where gradients searched."""
    if "representatives/gap" not in candidates.arrays:
        return
    data = rows(
        gap=candidates["representatives/gap"],
        ncc=evaluation["representatives/ncc"],
        rank=np.arange(1, len(evaluation["representatives/ncc"]) + 1),
    )
    points = layer(
        data,
        {"type": "point", "filled": True, "size": 35, "opacity": 0.7, "color": BLUE},
        ("rank", "gap", "ncc"),
        x=quantity("gap", "gap of the gate pattern", scale=LOG, axis={**PLAIN, "format": ".0e", "tickCount": 3}),
        y=quantity("ncc", f"{scored_by(evaluation)} with the nearest training image", scale={"zero": False}),
    )
    caption = "Images read out of the weights, by how far their gate patterns are from closing the equations."
    yield chart("gaps", caption, [points, rule("y", limit)])


def hyperparameters(candidates: store.Stored, found: np.ndarray, title: str) -> list[Chart]:
    """What each restart found (R,), of those that did not diverge, against each hyperparameter that varies."""
    kept = ~candidates["restarts/diverged"]
    whole: dict[str, Any] = {"tickMinStep": 1} if found.dtype.kind == "i" else {}
    drawn = []
    for name, of_all in lists.hyperparameters(candidates).items():
        label, values = AXIS_LABELS[name], of_all[kept]
        if np.ptp(values) == 0:
            continue
        points = layer(
            rows(value=values, found=found, restart=candidates["restarts/restart"][kept]),
            {"type": "point", "filled": True, "size": 45, "opacity": 0.7, "color": BLUE},
            ("restart", "value", "found"),
            x=quantity("value", label, scale=LOG if name in LOG_AXES else {"zero": False}, axis=PLAIN),
            y=quantity("found", title, scale={"zero": True, "nice": 5}, axis=whole),
        )
        drawn.append(chart(f"hyperparameter-{name}", f"{title[0].upper()}{title[1:]}, by {label}.", [points]))
    return drawn


def growth(evaluation: store.Stored) -> Iterator[Chart]:
    """Hits over the number of restarts, where there are several."""
    restarts = evaluation["growth/restarts"]
    if len(restarts) < 2:
        return
    series = {"trained on": ("growth/hits", BLUE), "never trained on": ("growth/held_out_hits", ORANGE)}
    data = []
    for name, (array, _) in series.items():
        median, low, high = evaluation[array].T
        data += rows(series=[name] * len(restarts), restarts=restarts, median=median, low=low, high=high)
    x = quantity("restarts", "restarts", axis={"values": restarts.tolist(), "format": "d"})
    y = quantity("median", "images found", axis={"tickMinStep": 1})
    colour = colours({name: value for name, (_, value) in series.items()})
    caption = "Would more restarts pay? Images found by as many restarts: median and 95 % of random choices of them."
    yield chart("growth", caption, [band(data, x, y, colour, {"type": "line", "point": True})], data)


def precision(evaluation: store.Stored, limit: float) -> Chart:
    """The share of true images among the k representatives ranked first, for every k."""
    real = evaluation["representatives/ncc"] > limit
    ranks = np.unique(np.geomspace(1, len(real), POINTS).round().astype(int))
    line = layer(
        rows(rank=ranks, precision=(np.cumsum(real) / np.arange(1, len(real) + 1))[ranks - 1]),
        {"type": "line", "color": BLUE},
        ("rank", "precision"),
        x=quantity("rank", "representatives ranked first", scale=LOG, axis=PLAIN),
        y=quantity("precision", "share that are true images", scale={"domain": [0, 1]}),
    )
    caption = "Precision of the blind ranking: the share of true images among the first."
    first = [count for count in FIRST if count <= len(real)]
    numbers = rows(**{"ranked first": first, "share true": [real[:count].mean() for count in first]})
    return chart("precision", caption, [line], numbers)


def positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show."""
    return np.where(values > 0, values, np.nan)
