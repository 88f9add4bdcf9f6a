"""Whose training images are asked for: an MLP of this program's, or any network that is given as a program.

A program has no closure, which is a first layer's. Its lambda tells members where the weights are a sum of the training
images' gradients. How it was trained nobody knows, so that this is never said to hold, and no image is cleared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..errors import UserError
from ..models import deployed, program
from ..models.deployed import Deployed
from ..models.program import Program
from ..training.block_stationarity import block_stationarity, bytes_for, outputs
from ..training.verdict import CAUSES, FAILS, LARGE, UNKNOWN
from . import membership
from .membership import Suspects

ROUNDING = 1e-6  # of probabilities that add up to one


class Subject(ABC):
    """model: what is asked; causes: what may be wrong where it errs on most images; caution: what its scores do not
    tell, or nothing."""

    model: Deployed | Program
    causes: str
    caution: str

    @property
    def what(self) -> str:
        """That it is asked about."""
        return "vectors" if len(self.model.image_shape) == 1 else "images"

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
        return membership.score(self.model, suspects), ""


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
        labels, found = torch.from_numpy(suspects.labels).double(), self.outputs(suspects.images)
        if found.shape[1] > 1 and (found >= 0).all() and ((found.sum(1) - 1).abs() < ROUNDING).all():
            raise UserError(
                "the program's outputs are probabilities, of which log-odds cannot be taken as of outputs",
                "export the network without its last softmax; log_softmax may stay",
            )
        stationarity = block_stationarity(self.model, torch.from_numpy(suspects.images).double(), labels)
        scores = {"lambda": stationarity.lambdas, "margin": self.model.family.margins(found, labels).numpy()}
        return membership.tabled(suspects, scores), condition(stationarity.unexplained)


def condition(unexplained: float) -> str:
    """Whether lambda may be relied on, by the share of the parameters that a pool leaves unexplained."""
    found = FAILS if unexplained > LARGE else f"is {UNKNOWN}"
    return (
        f"that the weights are a sum of the training data's gradients, which lambda stands on, {found}: the pool "
        f"leaves {unexplained:.0%} of them unexplained (it holds at rest under weight decay, and not after "
        "Adam or a few epochs)"
    )


def read(path: Path) -> Subject:
    """Of a .pt2 file or a model.h5; raises UserError."""
    return Exported(program.read(path)) if path.suffix == program.ENDING else Mlp(deployed.read(path))
