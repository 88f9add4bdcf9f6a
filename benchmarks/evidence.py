"""How well signals that need no training images tell which representatives are real: the tables of docs/evidence.md.

python benchmarks/evidence.py results/faces/mlp500/demo ...   averages over the experiments given; each needs its
subset.h5, model.h5, candidates.h5 and evaluation.h5. A representative is true where its NCC with a training image
exceeds the experiment's threshold. --figure draws the precision-recall curves, a panel for each experiment.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from reconstruction.configuration import Merge
from reconstruction.evaluation.chance import scramble
from reconstruction.evaluation.matching import standardise
from reconstruction.evaluation.pixels import Pixels
from reconstruction.merging.clusters import absorb_neighbours, agreement_between_restarts
from reconstruction.merging.similarity import similarity_graph, whiten
from reconstruction.report.palette import LAYER_COLOURS
from representative_signals import Experiment, read, signals_of
from scipy.optimize import nnls
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

COUNTS = (10, 25, 50, 100)
CURVES = ("score", "support, then spread", "agreement", "lambda, least squares", "near the margin")


def precision_table(experiments: list[Experiment], signals: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """Precision of the representatives that each signal puts first, and its average precision."""
    rows: dict[str, list[list[float]]] = {}
    for it, given in zip(experiments, signals, strict=True):
        ncc, image = it.nearest(it.clusters.representatives)
        true = ncc > it.threshold
        shuffled = np.random.default_rng(0).permutation(len(true))
        both = 0 < true[it.faithful].sum() < it.faithful.sum()
        for name, values in given.items():
            order = shuffled[np.argsort(-values[shuffled], kind="stable")]  # ties in random order
            quarter = math.ceil(it.hits / 4)
            found = [true[order[:count]].mean() for count in (*COUNTS, quarter, it.hits)]
            distinct = len(set(image[order[: it.hits]][true[order[: it.hits]]]))
            area = roc_auc_score(true[it.faithful], values[it.faithful]) if both else np.nan
            rows.setdefault(name, []).append([*found, distinct / it.hits, average_precision_score(true, values), area])
    columns = [*map(str, COUNTS), "hits / 4", "hits", "distinct / hits", "average precision", "AUC, faithful"]
    return pd.DataFrame({name: np.nanmean(found, axis=0) for name, found in rows.items()}, columns).T


def merging_table(experiments: list[Experiment]) -> pd.DataFrame:
    """NCC with the nearest training image of ways to make one of a cluster that several restarts and a hit are in."""
    rows: dict[str, list[float]] = {}
    for it in experiments:
        fingerprints = whiten(it.coordinates)
        graph = similarity_graph(fingerprints, Merge())
        agreement = agreement_between_restarts(graph, it.restart)
        membership, leaders = absorb_neighbours(graph, agreement)
        unit = it.coordinates / np.linalg.norm(it.coordinates, axis=1, keepdims=True)
        raw = it.nearest(it.coordinates)[0]
        table = pd.DataFrame({"hit": raw > it.threshold, "restart": it.restart}).groupby(membership)
        chosen = np.flatnonzero(table["hit"].any() & (table["restart"].nunique() >= 2))
        groups = [np.flatnonzero(membership == cluster) for cluster in chosen]
        similar = [fingerprints[group] @ fingerprints[group].mean(0) for group in groups]
        ways = {
            "mean of unit vectors": [unit[group].mean(0) for group in groups],
            "mean as they are": [it.coordinates[group].mean(0) for group in groups],
            "median of unit vectors": [np.median(unit[group], axis=0) for group in groups],
            "weighed by lambda": [np.maximum(it.signals.lambdas[group], 1e-6) @ unit[group] for group in groups],
            "weighed by agreement": [(agreement[group] + 1e-6) @ unit[group] for group in groups],
            "member that agrees most": list(unit[leaders[chosen]]),
            "most typical member": [unit[group[near.argmax()]] for group, near in zip(groups, similar, strict=True)],
        }
        for name, images in ways.items():
            rows.setdefault(name, []).append(it.nearest(np.stack(images))[0].mean())
        best = np.mean([raw[group].max() for group in groups])
        rows.setdefault("best member, known only with the images", []).append(best)
        rows.setdefault("average member", []).append(np.mean([raw[group].mean() for group in groups]))
    return pd.DataFrame({"NCC": {name: np.mean(found) for name, found in rows.items()}})


def mixtures_table(experiments: list[Experiment]) -> pd.DataFrame:
    """NCC with the best positive combination of 1, 2, 3 and 5 training images, found greedily: what is an average?"""
    rows: dict[str, list[np.ndarray]] = {}
    for it in experiments:
        ncc = it.nearest(it.clusters.representatives)[0]
        positive = it.clusters.signals.margins > 0
        scrambled = scramble(it.coordinates.std(axis=0), 50, 0)
        false = it.faithful & (ncc <= it.threshold)
        for name, images in {
            "faithful and true": it.clusters.representatives[it.faithful & ~false],
            "faithful, not true, margin above 0": it.clusters.representatives[false & positive],
            "faithful, not true, margin below 0": it.clusters.representatives[false & ~positive],
            "scrambled": scrambled,
        }.items():
            if len(images):
                rows.setdefault(name, []).append(np.mean([mixture(it, image) for image in images], axis=0))
    return pd.DataFrame({name: np.mean(found, axis=0) for name, found in rows.items()}, ["1", "2", "3", "5"]).T


def mixture(it: Experiment, image: np.ndarray) -> list[float]:
    """Cosines of one candidate (r,) with its best positive combinations of so many images."""
    target = standardise(Pixels(image[None].astype(np.float32), it.space, it.model)[slice(None)])[0].double().numpy()
    pool = standardise(it.images).double().numpy()
    chosen: list[int] = []
    left, found = target, []
    for count in range(1, 6):
        chosen.append(int((pool @ left).argmax()))
        weights, distance = nnls(pool[chosen].T, target)
        left = target - weights @ pool[chosen]
        if count in (1, 2, 3, 5):
            found.append(math.sqrt(max(0.0, 1 - distance**2)))
    return found


def precision_recall_figure(
    experiments: list[Experiment], signals: list[dict[str, np.ndarray]], titles: list[str]
) -> Figure:
    """Precision against the share of the true representatives that are found, of the signals that tell most."""
    figure = Figure(figsize=(2.6 * len(experiments), 2.9), layout="constrained")
    axes = figure.subplots(1, len(experiments), sharey=True, squeeze=False)[0]
    for axis, it, given, title in zip(axes, experiments, signals, titles, strict=True):
        true = it.nearest(it.clusters.representatives)[0] > it.threshold
        for name, colour in zip(CURVES, LAYER_COLOURS, strict=False):
            precision, recall, _ = precision_recall_curve(true, given[name])
            axis.step(recall[:-1], precision[:-1], where="post", color=colour, label=name, linewidth=1.2)
        axis.axhline(true.mean(), color="0.5", linestyle=":", linewidth=1, label="at random")
        axis.set_title(f"{title} ({true.sum()} of {len(true)} true)", fontsize=8)
        axis.set_xlabel("recall")
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(0, 1.03)
    axes[0].set_ylabel("precision")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(6, 2 * len(axes)),
        frameon=False,
        fontsize=7,
    )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", type=Path, nargs="+", help="folders of experiments, DATASET/MODEL/SWEEP")
    parser.add_argument("--figure", type=Path, help="figure to write, .png or .pdf")
    options = parser.parse_args()
    torch.set_num_threads(1)
    named = {folder: it for folder in options.experiments if (it := read(folder)).hits}
    experiments = list(named.values())
    signals = [signals_of(it) for it in experiments]
    if options.figure:
        titles = [f"{folder.parents[1].name}, n = {len(it.images)}" for folder, it in named.items()]
        precision_recall_figure(experiments, signals, titles).savefig(options.figure, dpi=150)
    restarts = [len(np.unique(it.restart)) for it in experiments]
    counts = [len(it.clusters.score) for it in experiments]
    print(f"{len(experiments)} experiments of {sorted({len(it.images) for it in experiments})} images,", end=" ")
    print(f"{sorted(set(restarts))} restarts, {np.mean(counts):.0f} representatives,", end=" ")
    print(f"{np.mean([it.hits for it in experiments]):.1f} hits")
    for table in (precision_table(experiments, signals), merging_table(experiments), mixtures_table(experiments)):
        print("\n" + table.round(3).to_markdown())


if __name__ == "__main__":
    main()
