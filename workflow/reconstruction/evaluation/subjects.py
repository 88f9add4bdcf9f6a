"""Whose training images are asked for: an MLP of this program's, or any network that is given as a program.

A program has no closure, which is a first layer's. Its outputs are those before softmax, or their logarithms after it,
whose log-odds are the same; with targets in the place of labels it is a regression by squared loss. Its lambda tells
members where the weights are a sum of the training images' gradients. How it was trained nobody knows, so that this is
never said to hold, and no image is cleared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..data.images import things_of
from ..errors import UserError
from ..models import deployed, program
from ..models.deployed import Deployed
from ..models.program import Program
from ..models.regression import Regression
from ..training.block_stationarity import block_stationarity, bytes_for, outputs
from ..training.verdict import CAUSES, FAILS, LARGE, UNKNOWN, by_weights, reason
from . import membership
from .membership import Suspects

WEIGHTS = {".pt", ".pth", ".ckpt", ".bin", ".safetensors"}


class Subject(ABC):
    """model: what is asked; causes: what may be wrong where it errs on most images; caution: what its scores do not
    tell, or nothing."""

    model: Deployed | Program
    causes: str
    caution: str

    @property
    def what(self) -> str:
        """That it is asked about."""
        return things_of(self.model.image_shape)

    @abstractmethod
    def bytes_for(self, images: int) -> int:
        """Memory that it takes to score so many images."""

    @abstractmethod
    def outputs(self, images: np.ndarray) -> Tensor:
        """Phi (n, C) of images (n, C, H, W) in [0, 1] or vectors (n, D), float64."""

    @abstractmethod
    def score(self, suspects: Suspects) -> tuple[pd.DataFrame, str]:
        """A row for each image, and a sentence on what the scores stand on, or nothing."""


class Mlp(Subject):
    causes, caution = CAUSES, ""

    def __init__(self, model: Deployed) -> None:
        self.model: Deployed = model

    def bytes_for(self, images: int) -> int:
        return membership.bytes_for(images, self.model.network)

    def outputs(self, images: np.ndarray) -> Tensor:
        return self.model.outputs(images)

    def score(self, suspects: Suspects) -> tuple[pd.DataFrame, str]:
        found = by_weights(self.model.network, self.model.image_shape)
        told = f"{found}: {reason(found.columns)}" if found.is_doubtful else ""
        return membership.score(self.model, suspects), told


class Exported(Subject):
    caution = "a low AUC does not mean that nothing leaks, nor a low score that the network was trained without it"

    def __init__(self, model: Program) -> None:
        self.model: Program = model
        taken = "vectors as the pool has them" if self.what == "vectors" else "images in 0 .. 1, channels first"
        self.causes = f"check the labels, and that the program takes {taken}"

    def bytes_for(self, images: int) -> int:
        return bytes_for(images, self.model)

    def outputs(self, images: np.ndarray) -> Tensor:
        return outputs(self.model, torch.from_numpy(images).double())

    def score(self, suspects: Suspects) -> tuple[pd.DataFrame, str]:
        labels = torch.from_numpy(suspects.labels).double()
        found = block_stationarity(self.model, torch.from_numpy(suspects.images).double(), labels)
        margins = self.model.family.margins(self.outputs(suspects.images), labels).numpy()
        lambdas = found.lambdas if self.model.family.lambda_has_a_sign else np.abs(found.lambdas)
        return membership.tabled(suspects, {"lambda": lambdas, "margin": margins}), condition(found.unexplained)


def condition(unexplained: float) -> str:
    """Whether lambda may be relied on, by the share of the parameters that a pool leaves unexplained."""
    found = FAILS if unexplained > LARGE else f"is {UNKNOWN}"
    return (
        f"that the weights are a sum of the training data's gradients, which lambda stands on, {found}: the pool "
        f"leaves {unexplained:.0%} of them unexplained (it holds at rest under weight decay, and not after "
        "Adam or a few epochs)"
    )


def read(path: Path, of_targets: bool = False) -> Subject:
    """Of a .pt2 file or a model.h5; of_targets: whether a program is a regression. Raises UserError."""
    if path.suffix in WEIGHTS:
        raise UserError(
            f"{path}: may hold weights, without the network that they belong to",
            "give model.h5 as `adopt` makes it of an MLP's, or any network as a .pt2 file of torch.export",
        )
    if path.suffix != program.ENDING:
        return Mlp(deployed.read(path))
    found = program.read(path)
    if of_targets:
        if found.family.outputs > 1:
            problem = f"{path}: has {found.family.outputs} outputs, and the pool targets in the place of labels"
            raise UserError(problem, "give labels, or a program of one output")
        found = replace(found, family=Regression())
    elif found.gives_probabilities:
        problem = f"{path}: gives probabilities, and a score is of what softmax or sigmoid makes them of"
        raise UserError(problem, "export the network without that last step; LogSoftmax may stay")
    return Exported(found)
