"""A membership score: which images of a pool the weights are made of.

With the images fixed, stationarity is linear in lambda,

    min over lambda >= 0 of sum_k || W_k - sum_i lambda_i y_i grad_{W_k} Phi(x_i) ||^2

and an image that was not trained on has no part in the sum. Its margin y Phi(x), the score of the usual attack by
the loss, is given beside its lambda.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from ..data import image_files
from ..errors import UserError
from ..files import store
from ..machine.devices import free
from ..models import deployed
from ..models.deployed import Deployed
from ..models.mlp import margins
from ..report.figures import STYLE, save
from ..report.palette import BLUE, GREY, ORANGE
from ..training.true_stationarity import true_stationarity

FALSE_POSITIVE_RATE = 0.01
SCORES = {"lambda": BLUE, "margin": ORANGE}


@dataclass(frozen=True)
class Pool:
    """images: (n, C, H, W) in [0, 1]; labels: (n,) in {-1, +1}; member: (n,) bool, or None where nobody knows."""

    images: np.ndarray
    labels: np.ndarray
    member: np.ndarray | None


def run(model_path: Path, pool_path: Path, output: Path) -> None:
    """Write the scores, and where members are known their ROC curve (.png, .pdf) and summary (.json) beside them."""
    if output.suffix != ".csv":
        raise UserError(f"{output}: the scores are a table", "let the output's name end in .csv")
    model = deployed.read(model_path)
    pool = read_pool(pool_path, model)
    needed = bytes_for(len(pool.labels), len(model.network.weights))
    if needed > (available := free(torch.device("cpu"))):
        raise UserError(
            f"{pool_path}: {len(pool.labels)} images need {needed / 2**30:.1f} GiB for their products with each other, "
            f"and {available / 2**30:.1f} GiB are free",
            "give fewer images at a time",
        )
    scores = score(model, pool)
    write = {output: scores.to_csv(index=False, float_format="%.6g")}
    print(f"membership: {(scores['lambda'] > 0).sum()} of {len(scores)} images have a positive lambda")
    if pool.member is not None:
        found = summary(scores)
        write[output.with_suffix(".json")] = json.dumps(found, indent=2) + "\n"
        for name in SCORES:
            print(
                f"membership: by {name}, AUC {found[f'{name}_auc']:.3f}, true-positive rate "
                f"{found[f'{name}_tpr']:.1%} at {FALSE_POSITIVE_RATE:.0%} false positives"
            )
    for path, text in write.items():
        store.write_whole(path, text.encode())
    if pool.member is not None:
        figure = output.with_suffix(".png")
        with matplotlib.rc_context(STYLE), store.writing(figure):
            save(draw(scores, found), figure)


def bytes_for(images: int, layers: int) -> int:
    """Of the float64 Gram matrices (n, n): one for each layer, and those of solving for lambda."""
    return (layers + 7) * 8 * images**2


def read_pool(path: Path, model: Deployed) -> Pool:
    """An NPZ or HDF5 file of images, labels in {-1, +1} or {0, 1}, and perhaps member; raises UserError."""
    pool = image_files.read_file(str(path))
    if pool.images.shape[1:] != model.mean.shape:
        raise UserError(
            f"{path}: images have shape {pool.images.shape[1:]}, and the model takes {model.mean.shape}",
            "give images of that shape",
        )
    found = set(np.unique(pool.classes).tolist())
    if not (found <= {-1, 1} or found <= {0, 1}):
        raise UserError(f"{path}: labels are {sorted(found)}", "give -1 and 1, or 0 and 1, as the model was trained")
    member = image_files.read_arrays(str(path), ("member",)).get("member")
    if member is not None:
        if member.shape != pool.classes.shape or member.dtype != bool:
            raise UserError(
                f"{path}: member has shape {member.shape} of {member.dtype}", "give one boolean for each image"
            )
        if member.all() or not member.any():
            raise UserError(f"{path}: member says the same of every image", "give both kinds, or leave it out")
    return Pool(pool.images, np.where(pool.classes > 0, 1, -1), member)


def score(model: Deployed, pool: Pool) -> pd.DataFrame:
    """One row for each image of the pool."""
    network = model.network.to(dtype=torch.float64)
    inputs, labels = model.inputs(pool.images).double(), torch.from_numpy(pool.labels).double()
    table = pd.DataFrame(
        {
            "image": np.arange(len(pool.labels)),
            "label": pool.labels,
            "lambda": true_stationarity(network, inputs, labels).lambdas,
            "margin": margins(network, inputs, labels).numpy(),
        }
    )
    return table if pool.member is None else table.assign(member=pool.member)


def summary(scores: pd.DataFrame) -> dict[str, float]:
    """AUC of each score, and the largest true-positive rate at no more than FALSE_POSITIVE_RATE false positives."""
    found: dict[str, float] = {"images": len(scores), "members": int(scores["member"].sum())}
    for name in SCORES:
        false, true, _ = roc_curve(scores["member"], scores[name], drop_intermediate=False)
        found[f"{name}_auc"] = float(roc_auc_score(scores["member"], scores[name]))
        found[f"{name}_tpr"] = float(true[false <= FALSE_POSITIVE_RATE].max())
    return found


def draw(scores: pd.DataFrame, found: Mapping[str, float]) -> Figure:
    """The ROC curves of both scores, of which a summary was found."""
    figure = Figure(figsize=(3.2, 2.9))
    axis = figure.subplots()
    for name, colour in SCORES.items():
        false, true, _ = roc_curve(scores["member"], scores[name])
        axis.step(false, true, where="post", color=colour, label=f"{name}, AUC {found[f'{name}_auc']:.3f}")
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="guessing")
    axis.set_xlabel("false-positive rate")
    axis.set_ylabel("true-positive rate")
    axis.legend()
    return figure
