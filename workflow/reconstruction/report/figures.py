"""The figures of one experiment as PNG and, for a paper, as PDF; its pairs as single PNGs, a table of every image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from ..evaluation.scores import best_first
from ..evaluation.showing import PUBLISHED_RULE, ssim_name
from ..files import store
from ..files.layout import FIGURES, IMAGES, PAIRS, below
from . import lists
from .originals import beside, names, originals
from .palette import AXIS_LABELS, BLUE, GREEN, GREY, LAYER_COLOURS, LOG_AXES, ORANGE
from .pictures import as_bytes, enlarged
from .verdict import scored_by

matplotlib.use("Agg")

WIDTH = 5.5  # inches, a page's text
STYLE: Any = {
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # fonts that a publisher's checks accept
    "savefig.dpi": 300,
    "image.composite_image": False,  # each picture in a PDF as it is
}
PER_ROW = 10  # pictures
CHARACTERS = 110  # of a title, in a line
LETTERS = 8  # of a name under a picture
RULES_SAID = {"stretch": "stretched as the paper's", "clamp": "clamped to the range", "one-contrast": "at one contrast"}


def draw_all(
    folder: Path, evaluation: store.Stored, subset: store.Stored, training: store.Stored, candidates: store.Stored
) -> None:
    """Draw every figure into the folder, which is made where it is missing."""
    folder_of_pairs = folder / below(FIGURES, PAIRS)
    folder_of_pairs.mkdir(parents=True, exist_ok=True)
    count = evaluation.settings["pairs"]
    with matplotlib.rc_context(STYLE):
        for part, what, passing, colour in (
            ("training", "training image", "Bold green: a hit", GREEN),
            ("held_out", "image never trained on", "Bold orange: a false positive", ORANGE),
        ):
            save(pairs(part, subset, evaluation, count, what, passing, colour), folder / f"{part}_pairs")
        save(quality_against_margin(evaluation, training), folder / "margin")
        save(quality_against_hyperparameters(evaluation, candidates), folder / "hyperparameters")
        save(unexplained(candidates, training["squared_norms"], training["true_residuals"]), folder / "residuals")
    rows = lists.images(evaluation, training["margins"])
    rows.to_csv(folder / below(FIGURES, IMAGES), index=False, float_format="%.5f")
    export_pairs(folder_of_pairs, subset, evaluation, count)


def save(figure: Figure, path: Path) -> None:
    """As .png and .pdf, laid out alike, the same bytes every time."""
    figure.savefig(path.with_suffix(".png"))
    figure.set_layout_engine("none")
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})


def pairs(
    part: str, subset: store.Stored, evaluation: store.Stored, count: int, what: str, passing: str, colour: str
) -> Figure:
    """The best pairs by NCC: photographs above, nearest candidates below, by their rule of showing and, where that is
    another, as the paper's code shows it, and the scores under them."""
    chosen = best_first(evaluation[f"{part}/ncc"])[:count]
    images, called = originals(subset, evaluation, part, chosen), names(subset, part)[chosen]
    ncc, rows = evaluation[f"{part}/ncc"][chosen], [images, evaluation[f"{part}/shown"][:count]]
    if scored_by(evaluation) == "cosine":
        captions = [f"{name[:LETTERS]} {score:.2f}".strip() for name, score in zip(called, ncc, strict=True)]
        said = "its nearest candidate by its coordinates, and their cosine"
    else:
        rule = evaluation.table("row")["showing"]
        ssim = evaluation[f"{part}/{ssim_name(rule)}"][chosen]
        captions = [f"{score:.2f}  {alike:.2f}" for score, alike in zip(ncc, ssim, strict=True)]
        shown = RULES_SAID[rule]
        if rule != PUBLISHED_RULE:
            rows.append(evaluation[f"{part}/stretched"][:count])
            shown += f", then {RULES_SAID[PUBLISHED_RULE]}"
        said = f"its nearest candidate, {shown}, NCC, and SSIM of the published matching's, which may be another"
    return mosaic(
        beside(rows, axis=2),
        captions,
        f"Above: {what}. Below: {said}. {passing}",
        evaluation[f"{part}/hit"][chosen],
        colour,
    )


def mosaic(
    pictures: np.ndarray, captions: Sequence[str], title: str, marked: np.ndarray, colour: str = GREEN
) -> Figure:
    """Pictures (k, C, H, W) in [0, 1] in rows, each above its caption; marked: (k,), whose captions stand out in a
    colour."""
    height, width = pictures.shape[2:]
    cell, line = WIDTH / PER_ROW, 0.13  # inches
    picture = 0.92 * cell
    tall = picture * height / width
    head = line * (2 + len(title) // CHARACTERS)
    size = head + -(-len(pictures) // PER_ROW) * (tall + 1.5 * line)
    figure = Figure(figsize=(WIDTH, size))
    figure.set_layout_engine("none")
    figure.suptitle(title, fontsize=7, y=1 - 0.3 * line / size, wrap=True)
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(size, 0))
    axis.axis("off")
    for place, (shown, caption, bold) in enumerate(zip(pictures, captions, marked, strict=True)):
        row, column = divmod(place, PER_ROW)
        left, top = column * cell + (cell - picture) / 2, head + row * (tall + 1.5 * line)
        axis.imshow(
            enlarged(shown).transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="none",
            aspect="auto", extent=(left, left + picture, top + tall, top),
        )  # fmt: skip
        axis.text(
            left + picture / 2, top + tall + 0.85 * line, caption, fontsize=6, ha="center",
            color=colour if bold else GREY, fontweight="bold" if bold else "normal",
        )  # fmt: skip
    return figure


def quality_against_margin(evaluation: store.Stored, training: store.Stored) -> Figure:
    """NCC of each training image against its margin: the theorem speaks of those on the margin."""
    figure = Figure(figsize=(WIDTH, 3.2))
    axis = figure.subplots()
    row, ncc = evaluation.table("row"), evaluation["training/ncc"]
    margins, on_margin = training["margins"], training["on_margin"]
    for chosen, colour, marker, label in (
        (on_margin, BLUE, "o", "on the margin"),
        (~on_margin, ORANGE, "^", "off the margin"),
    ):
        label = f"{label} ({chosen.sum()})"
        axis.scatter(
            margins[chosen], ncc[chosen], s=10, alpha=0.7, color=colour, marker=marker, label=label, linewidths=0
        )
    for kind, style in (("held_out", "--"), ("scrambled", ":")):
        label = f"{kind.replace('_', '-')} threshold"
        axis.axhline(row[f"ncc_threshold_{kind}"], color=GREY, linestyle=style, linewidth=1, label=label)
    axis.set_xlabel("margin of the training image")
    axis.set_ylabel(f"{scored_by(evaluation)} with the nearest candidate")
    figure.legend(ncols=4, columnspacing=1.5, loc="outside upper center")
    return figure


def quality_against_hyperparameters(evaluation: store.Stored, candidates: store.Stored) -> Figure:
    """How many training images each restart finds alone, against each hyperparameter that varies."""
    kept = ~candidates["restarts/diverged"]
    values = {name: value[kept] for name, value in lists.hyperparameters(candidates).items()}
    if not values:
        return quality_against_gap(evaluation, candidates)
    varied = {name: value for name, value in values.items() if np.ptp(value) > 0} or values
    figure = Figure(figsize=(WIDTH, 2.0))
    axes = figure.subplots(1, len(varied), sharey=True, squeeze=False)[0]
    for axis, (name, value) in zip(axes, varied.items(), strict=True):
        axis.scatter(value, evaluation["restarts/hits"], s=12, alpha=0.7, color=BLUE, linewidths=0)
        axis.set_xlabel(AXIS_LABELS[name])
        if name in LOG_AXES:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
        axis.margins(y=0.15)
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("training images found\nby the restart alone")
    return figure


def quality_against_gap(evaluation: store.Stored, candidates: store.Stored) -> Figure:
    """NCC of each image that the exact attack found with its nearest training image, against its pattern's gap."""
    figure = Figure(figsize=(WIDTH, 2.0))
    axis = figure.subplots()
    axis.scatter(
        candidates["representatives/gap"], evaluation["representatives/ncc"], s=12, alpha=0.7, color=BLUE, linewidths=0
    )
    axis.axhline(evaluation.table("row")["ncc_threshold"], color=GREY, linestyle="--", linewidth=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter("{x:.0e}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("gap of the gate pattern")
    axis.set_ylabel(f"{scored_by(evaluation)} with the nearest\ntraining image")
    return figure


def unexplained(
    candidates: store.Stored, squared_norms: np.ndarray, true_residuals: np.ndarray | None = None
) -> Figure:
    """The share of each layer's squared norm (L,) that restarts leave unexplained, beside what the true data leave."""
    kept = ~candidates["restarts/diverged"]
    shares = candidates["restarts/trace/residuals"][kept] / squared_norms
    iterations = candidates["restarts/trace/iterations"]
    if len(iterations) < 2:
        return unexplained_by_layer(shares[0, -1], None if true_residuals is None else true_residuals / squared_norms)
    figure = Figure(figsize=(WIDTH, 3.2))
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
    axis.set_ylabel("unexplained share of ‖W‖²")
    figure.legend(ncols=4, columnspacing=1.5, loc="outside upper center")
    return figure


def unexplained_by_layer(shares: np.ndarray, true: np.ndarray | None) -> Figure:
    """The same (L,) of the exact attack, which has no iterations and explains the first layer alone."""
    figure = Figure(figsize=(WIDTH, 2.0))
    axis = figure.subplots()
    layers = np.arange(1, len(shares) + 1)
    axis.scatter(layers, shares, s=30, color=BLUE, label="gate patterns solved for")
    if true is not None:
        axis.scatter(layers, true, s=60, color=ORANGE, marker="x", label="true training data, hard gates")
    axis.set_yscale("log")
    axis.set_xticks(layers)
    axis.margins(x=0.2)
    axis.set_xlabel("layer")
    axis.set_ylabel("unexplained share of ‖W‖²")
    figure.legend(ncols=2, loc="outside upper center")
    return figure


def export_pairs(folder: Path, subset: store.Stored, evaluation: store.Stored, count: int) -> None:
    """Each of the best pairs as one PNG, photograph left, reconstruction right, enlarged."""
    for stale in folder.glob("*.png"):
        stale.unlink()
    chosen = best_first(evaluation["training/ncc"])[:count]
    photographs = originals(subset, evaluation, "training", chosen)
    shown = evaluation["training/shown"][: len(chosen)]
    pairs = beside([np.stack([enlarged(each) for each in side]) for side in (photographs, shown)], axis=3)
    for rank, (image, pair) in enumerate(zip(chosen, pairs, strict=True), start=1):
        path = folder / f"{rank:03d}_source{evaluation['training/source_index'][image]}.png"
        Image.fromarray(as_bytes(pair)).save(path, optimize=True)
