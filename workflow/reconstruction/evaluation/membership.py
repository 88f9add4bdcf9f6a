"""A membership score: which images of a pool the weights are made of.

With the images fixed, stationarity is linear in lambda,

    min over lambda >= 0 of sum_k || W_k - sum_i lambda_i y_i grad_{W_k} Phi(x_i) ||^2

and an image that was not trained on has no part in the sum. Beside its lambda stand its closure, how well it closes the
first layer's equations by itself (attack/exact/closure.py), and its margin y Phi(x), the score of the usual attack by
the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ..attack.exact.closure import closure
from ..data import image_files
from ..errors import UserError
from ..models.deployed import Deployed
from ..models.mlp import margins
from ..training.true_stationarity import true_stationarity
from .scores import FALSE_POSITIVE_RATE, told_apart

SCORES = ("lambda", "closure", "margin")


@dataclass(frozen=True)
class Suspects:
    """Of a pool. images: (n, C, H, W) in [0, 1]; labels: (n,) in {-1, +1}; member: (n,) bool, or None where nobody
    knows."""

    images: np.ndarray
    labels: np.ndarray
    member: np.ndarray | None


def bytes_for(images: int, layers: int) -> int:
    """Of the float64 Gram matrices (n, n): one for each layer, and those of solving for lambda."""
    return (layers + 7) * 8 * images**2


def read_pool(path: Path, model: Deployed) -> Suspects:
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
    return Suspects(pool.images, np.where(pool.classes > 0, 1, -1), member)


def score(model: Deployed, suspects: Suspects) -> pd.DataFrame:
    """One row for each image of the suspects."""
    network = model.network.to(dtype=torch.float64)
    inputs, labels = model.inputs(suspects.images).double(), torch.from_numpy(suspects.labels).double()
    table = pd.DataFrame(
        {
            "image": np.arange(len(suspects.labels)),
            "label": suspects.labels,
            "lambda": true_stationarity(network, inputs, labels).lambdas,
            "closure": closure(network, inputs, labels).numpy(),
            "margin": margins(network, inputs, labels).numpy(),
        }
    )
    return table if suspects.member is None else table.assign(member=suspects.member)


def summary(scores: pd.DataFrame) -> dict[str, float]:
    """AUC of each score, and the largest true-positive rate at no more than FALSE_POSITIVE_RATE false positives."""
    found: dict[str, float] = {"images": len(scores), "members": int(scores["member"].sum())}
    member = scores["member"].to_numpy()
    for name in SCORES:
        values = scores[name].to_numpy()
        auc, rate = told_apart(values[member], values[~member], FALSE_POSITIVE_RATE)
        found |= {f"{name}_auc": auc, f"{name}_tpr": rate}
    return found
