"""A membership score: which images of a pool the weights are made of.

With the images fixed, stationarity is linear in lambda,

    min over lambda >= 0 of sum_k || W_k - sum_i lambda_i grad_{W_k} q_i ||^2 / (mean square of W_k)

and an image that was not trained on has no part in the sum. Beside its lambda stand its closure, how well it closes the
first layer's equations by itself (attack/exact/closure.py), and its margin q, y Phi(x) of two classes, the
score of the usual attack by the loss. Of a regression lambda has either sign, and its size is the score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..attack.exact.closure import closure
from ..attack.exact.condition import condition
from ..data import image_files
from ..data.copies import copies
from ..data.given import read_for
from ..data.images import Pool, things_of
from ..errors import UserError
from ..models.deployed import Deployed
from ..models.family import Family
from ..models.mlp import Network, margins
from ..models.program import Program
from ..training.capacity import to_examine
from ..training.true_stationarity import even_lambdas
from .findings import Matched
from .scores import RARE, tells_rare
from .separation import FALSE_POSITIVE_RATE, Estimate, area, true_positive_rate

SCORES = ("lambda", "closure", "margin")
UNTOLD = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Suspects:
    """Of a pool. images: (n, C, H, W) in [0, 1], or vectors (n, D); labels: (n,) of the network's family; member: (n,)
    bool, or None where nobody knows; numbers: (n,) of them in the pool; remarks: sentences on what is odd about it."""

    images: np.ndarray
    labels: np.ndarray
    member: np.ndarray | None
    numbers: np.ndarray
    remarks: tuple[str, ...]


def bytes_for(images: int, network: Network) -> int:
    """Of the network and the images, and of float64 Gram matrices (n, n): one for each layer, and those of solving for
    lambda."""
    size, width, *_ = network.sizes
    return (len(network.weights) + 7) * 8 * images**2 + to_examine(size, width, images)


def read_pool(path: Path, model: Deployed | Program, labelled: bool = True) -> Suspects:
    """An NPZ or HDF5 file of images or vectors, labels, of two classes in {-1, +1} or {0, 1}, or targets, and perhaps
    member, less the copies of members that are said to be none; raises UserError.

    Where it need not be labelled, since others take the labels' place, these are as they are, or 0.
    """
    what = things_of(model.image_shape)
    if labelled and model.family.labels and "labels" not in image_files.read_arrays(str(path), ("labels",)):
        advice = f"give one for each of the {what}, as the model was trained, or ask with --own-answers"
        raise UserError(f"{path}: has no array 'labels'", advice)
    pool = read_for(model.image_shape, path, labelled and bool(model.family.labels))
    said: list[str] = []
    if model.family.labels:
        labels = _labels(pool.classes, model.family, path) if labelled else pool.classes
    elif pool.targets is not None:
        labels = pool.targets
    elif isinstance(model, Deployed):
        labels = answers(model.outputs(pool.images), model.family)
        said = [f"{path}: has no array 'targets', so that the margin tells nothing; lambda and closure do without"]
    else:
        raise UserError(f"{path}: has no array 'targets'", "give one number for each image, as the model was trained")
    member = image_files.read_arrays(str(path), ("member",)).get("member")
    if member is not None:
        if member.shape != pool.classes.shape or member.dtype != bool:
            raise UserError(
                f"{path}: member has shape {member.shape} of {member.dtype}", f"give one boolean for each of the {what}"
            )
        if member.all() or not member.any():
            raise UserError(f"{path}: member says the same of all {what}", "give both kinds, or leave it out")
    keep, copied = _copies(pool, member)
    return Suspects(
        pool.images[keep], labels[keep], None if member is None else member[keep], keep, (*pool.remarks, *said, *copied)
    )


def has_targets_alone(path: Path) -> bool:
    """Whether a pool has targets and no labels."""
    return list(image_files.read_arrays(str(path), ("labels", "targets"))) == ["targets"]


def _labels(classes: np.ndarray, family: Family, path: Path) -> np.ndarray:
    """The labels that classes (n,) stand for; raises UserError where the network has no such."""
    found, known = set(np.unique(classes).tolist()), family.labels
    if found <= set(known):
        return classes
    if family.outputs == 1 and found <= {0, 1}:
        return 2 * classes - 1
    allowed = "-1 and 1, or 0 and 1" if family.outputs == 1 else f"{known[0]} to {known[-1]}"
    raise UserError(f"{path}: labels are {sorted(found)}", f"give {allowed}, as the model was trained")


def _copies(pool: Pool, member: np.ndarray | None) -> tuple[np.ndarray, list[str]]:
    """The numbers of the images that are scored, and what is said of copies; an image and its copy share one lambda."""
    images, what, one = pool.images, pool.what, pool.what.removesuffix("s")
    numbers = np.arange(len(images))
    if member is None:
        of = copies(images, images, themselves=True)
        scored, problem = numbers, f"{what} are copies of others and share their lambdas"
    else:
        members = numbers[member]
        found = copies(images[~member], images[member])
        of = np.full(len(images), -1)
        of[~member] = np.where(found < 0, -1, members[found])
        scored = numbers[of < 0]
        problem = f"{what} that are said to be no members are copies of members and left out"
    if (of < 0).all():
        return scored, []
    first = int(np.argmax(of >= 0))
    remark = f"{pool.origin}: {(of >= 0).sum()} {problem}, {one} {first} is one of {one} {of[first]}"
    if member is not None and member[scored].all():
        raise UserError(remark, f"give other {what} that are no members, or leave member out")
    return scored, [remark]


def of_parts(trained: Matched, held_out: Matched) -> Suspects:
    """Training images, and as a pool with them the held-out ones, with the labels that they have."""
    parts = trained, held_out
    return Suspects(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        member=np.repeat([True, False], [len(part.labels) for part in parts]),
        numbers=np.concatenate([part.source_index for part in parts]),
        remarks=(),
    )


def score(model: Deployed, suspects: Suspects) -> pd.DataFrame:
    """One row for each image of the suspects."""
    network = model.network.to(dtype=torch.float64)
    inputs, labels = model.inputs(suspects.images).double(), torch.from_numpy(suspects.labels).double()
    lambdas = even_lambdas(network, inputs, labels)
    scores = {
        "lambda": lambdas if network.family.lambda_has_a_sign else np.abs(lambdas),
        "closure": closure(network, inputs, labels).numpy(),
        "margin": margins(network, inputs, labels).numpy(),
    }
    return tabled(suspects, scores)


def tabled(suspects: Suspects, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Scores (n,) by name as a table, a row for each image."""
    table = pd.DataFrame({"image": suspects.numbers, "label": suspects.labels, **scores})
    return table if suspects.member is None else table.assign(member=suspects.member)


def chosen_score(network: Network) -> str:
    """Which score tells members best, by the weights alone and never by the images at hand: closure at rest under
    weight decay, lambda otherwise.

    Away from rest closure tells what images show, as much of those never trained on as of members: where members and
    others differ in kind, it finds what is no membership. So nothing takes the better of the two, either.
    """
    return "closure" if network.activation.is_homogeneous and condition(network).applies else "lambda"


def scores_of(table: pd.DataFrame) -> list[str]:
    """Which of the scores a table has."""
    return [name for name in SCORES if name in table]


def answers(outputs: Tensor, family: Family) -> np.ndarray:
    """The labels (n,) of the largest margins that outputs (n, C) give; of a regression the outputs themselves."""
    if not family.labels:
        return outputs.squeeze(-1).numpy()
    known = torch.tensor(family.labels)
    margins = [family.margins(outputs, label.expand(len(outputs))) for label in known]
    return known[torch.stack(margins).argmax(0)].numpy()


def summary(scores: pd.DataFrame) -> dict[str, Estimate]:
    """Of each score its AUC, and its true-positive rates at FALSE_POSITIVE_RATE and, where there are enough images that
    are no members to tell, at RARE."""
    found: dict[str, Estimate] = {}
    member = scores["member"].to_numpy()
    for name in scores_of(scores):
        members, others = (scores[name].to_numpy()[chosen] for chosen in (member, ~member))
        found |= {
            f"{name}_auc": area(members, others),
            f"{name}_tpr": true_positive_rate(members, others, FALSE_POSITIVE_RATE),
            f"{name}_tpr_strict": true_positive_rate(members, others, RARE) if tells_rare(len(others)) else UNTOLD,
        }
    return found


def verdict(network: Network, found: Mapping[str, Estimate]) -> dict[str, str | float]:
    """What the table says of membership, of a summary: the score that counts, and its true-positive rate."""
    by = chosen_score(network)
    told = found[f"{by}_tpr"]
    return {
        "membership_by": by, "membership_tpr": told.value, "membership_tpr_low": told.low,
        "membership_tpr_high": told.high,
    }  # fmt: skip
