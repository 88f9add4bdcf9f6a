"""The figures of one experiment, and its pairs as single pictures with a table of every image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image

from . import store
from .calibration import Thresholds
from .configuration import Evaluation
from .findings import Findings, Part
from .hyperparameters import NAMES

matplotlib.use("Agg")

# Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
LAYER_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
}
PAIRS_PER_ROW = 10
AXIS_LABELS = {
    "learning_rate": "learning rate of x",
    "lambda_learning_rate": "learning rate of lambda",
    "initial_scale": "initial scale $\\sigma_x$",
    "lambda_min": "$\\lambda_{min}$",
    "alpha": "$\\alpha$",
}
LOG_AXES = ("learning_rate", "lambda_learning_rate", "initial_scale")


def draw_all(
    folder: Path,
    settings: Evaluation,
    findings: Findings,
    training: store.Stored,
    candidates: store.Stored,
) -> None:
    """Draw every figure into the folder, which is made where it is missing."""
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    limits = findings.thresholds
    trained, held_out = findings.trained, findings.held_out
    with matplotlib.rc_context(STYLE):
        pairs(trained, settings.pairs, limits.both, "training image").savefig(folder / "training_pairs.png")
        pairs(held_out, settings.pairs, limits.both, "image never trained on").savefig(folder / "held_out_pairs.png")
        quality_against_margin(trained, training, limits).savefig(folder / "margin.png")
        quality_against_hyperparameters(findings, candidates).savefig(folder / "hyperparameters.png")
        shares = unexplained(candidates, training["squared_norms"], training["true_residuals"])
        shares.savefig(folder / "residuals.png")
    table = pd.concat([images_table(trained, "training", limits), images_table(held_out, "held-out", limits)])
    table.insert(3, "margin", np.concatenate([training["margins"], np.full(len(held_out.labels), np.nan)]))
    table.to_csv(folder / "images.csv", index=False, float_format="%.5f")
    export_pairs(folder / "pairs", trained, settings.pairs)


def best_first(part: Part, count: int) -> np.ndarray:
    return np.argsort(-part.ncc.score, kind="stable")[:count]


def pairs(part: Part, count: int, limit: float, what: str) -> Figure:
    """The best pairs by NCC: the photograph above, its nearest candidate below, the scores under both."""
    chosen = best_first(part, count)
    columns = min(PAIRS_PER_ROW, len(chosen))
    rows = -(-len(chosen) // columns)
    height, width = part.images.shape[2:]
    figure = Figure(figsize=(0.85 * columns, (0.85 * 2 * height / width + 0.35) * rows + 0.3))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, image in zip(axes, chosen, strict=False):
        gap = np.ones((part.images.shape[1], 1, width), np.float32)
        show(axis, np.concatenate([part.images[image], gap, part.shown[image]], axis=1))
        score = part.ncc.score[image]
        axis.text(
            0.5, -0.03, f"NCC {score:.2f}\nSSIM {part.published.ssim[3][image]:.2f}", fontsize=7, ha="center", va="top",
            transform=axis.transAxes, color=GREEN if score > limit else GREY,
        )  # fmt: skip
    figure.suptitle(f"Above: {what}. Below: its nearest candidate. Green: NCC above {limit:.2f}", fontsize=9)
    return figure


def show(axis: Axes, image: np.ndarray) -> None:
    """An image (C, H, W) in [0, 1]."""
    axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def quality_against_margin(part: Part, training: store.Stored, limits: Thresholds) -> Figure:
    """NCC of each training image against its margin y Phi(x): the theorem speaks of those on the margin."""
    figure = Figure(figsize=(5, 3.4))
    axis = figure.subplots()
    margins, on_margin = training["margins"], training["on_margin"]
    for chosen, colour, label in ((on_margin, BLUE, "on the margin"), (~on_margin, ORANGE, "off the margin")):
        axis.scatter(margins[chosen], part.ncc.score[chosen], s=14, color=colour, label=f"{label} ({chosen.sum()})")
    axis.axhline(limits.held_out, color=GREY, linestyle="--", linewidth=1, label="held-out threshold")
    axis.axhline(limits.scrambled, color=GREY, linestyle=":", linewidth=1, label="scrambled threshold")
    axis.set_xlabel("margin $y\\,\\Phi(x)$ of the training image")
    axis.set_ylabel("NCC with the nearest candidate")
    axis.legend(fontsize=7, frameon=False)
    return figure


def quality_against_hyperparameters(findings: Findings, candidates: store.Stored) -> Figure:
    """How many training images each restart finds alone, against each hyperparameter that varies."""
    kept = ~candidates["restarts/diverged"]
    values = {name: candidates[f"restarts/hyperparameters/{name}"][kept] for name in NAMES}
    varied = {name: value for name, value in values.items() if np.ptp(value) > 0} or values
    figure = Figure(figsize=(2.4 * len(varied), 2.6))
    axes = figure.subplots(1, len(varied), sharey=True, squeeze=False)[0]
    for axis, (name, value) in zip(axes, varied.items(), strict=True):
        axis.scatter(value, findings.restart_hits, s=18, color=BLUE)
        axis.set_xlabel(AXIS_LABELS[name])
        if name in LOG_AXES:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("training images found\nby the restart alone")
    return figure


def unexplained(
    candidates: store.Stored, squared_norms: np.ndarray, true_residuals: np.ndarray | None = None
) -> Figure:
    """The share of each layer's squared norm (L,) that restarts leave unexplained, beside what the true data leave."""
    kept = ~candidates["restarts/diverged"]
    shares = candidates["restarts/trace/residuals"][kept] / squared_norms
    iterations = candidates["restarts/trace/iterations"]
    figure = Figure(figsize=(5, 3.4))
    axis = figure.subplots()
    for layer in range(shares.shape[2]):
        colour = LAYER_COLOURS[layer % len(LAYER_COLOURS)]
        low, middle, high = np.quantile(shares[:, :, layer], (0, 0.5, 1), axis=0)
        axis.plot(iterations, middle, color=colour, label=f"layer {layer + 1}")
        axis.fill_between(iterations, low, high, color=colour, alpha=0.2, linewidth=0)
        if true_residuals is not None:
            axis.axhline(true_residuals[layer] / squared_norms[layer], color=colour, linestyle="--", linewidth=1)
    if true_residuals is not None:
        axis.plot([], [], color=GREY, linestyle="--", linewidth=1, label="true training data")
    axis.set_yscale("log")
    axis.set_xlabel("iteration")
    axis.set_ylabel("unexplained share of $\\|W_k\\|^2$")
    figure.legend(fontsize=7, frameon=False, loc="outside right upper")
    return figure


def images_table(part: Part, name: str, limits: Thresholds) -> pd.DataFrame:
    """One row for each image of a part."""
    return pd.DataFrame(
        {
            "part": name,
            "source_index": part.source_index,
            "label": part.labels,
            "ncc": part.ncc.score,
            "hit": part.ncc.score > limits.both,
            "ssim3": part.published.ssim[3],
            "ssim11": part.published.ssim[11],
            "l2": part.published.l2,
            "one_to_one_ncc": part.one_to_one.score,
            "nearest_candidate": part.ncc.index,
        }
    )


def export_pairs(folder: Path, part: Part, count: int) -> None:
    """Each of the best pairs as one PNG, photograph left, reconstruction right, in its own pixels."""
    for stale in folder.glob("*.png"):
        stale.unlink()
    for rank, image in enumerate(best_first(part, count), start=1):
        pair = np.concatenate([part.images[image], part.shown[image]], axis=2)
        pixels = (pair.transpose(1, 2, 0).squeeze() * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{rank:03d}_source{part.source_index[image]}.png")
