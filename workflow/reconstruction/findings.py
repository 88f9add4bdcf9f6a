"""How the candidates match every image: everything that the table, the controls and the figures are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import controls, pixels, store
from .calibration import Thresholds, threshold
from .configuration import Evaluation
from .deployed import Deployed
from .matching import (
    Nearest,
    Reconstructions,
    assign_one_to_one,
    nearest_by_channel,
    nearest_by_ncc,
    reconstructions,
    stretch,
)
from .pixels import Pixels

Row = dict[str, str | int | float]


@dataclass(frozen=True)
class Part:
    """n images of the subset, and how the candidates match them."""

    images: np.ndarray  # (n, C, H, W) in [0, 1]
    labels: np.ndarray
    source_index: np.ndarray
    ncc: Nearest  # the nearest raw candidate; its score decides
    one_to_one: Nearest  # distinct representatives for distinct images
    published: Reconstructions  # by the published matching, for SSIM and L2
    shown: np.ndarray  # (n, C, H, W) in [0, 1], the nearest raw candidate as a picture


@dataclass(frozen=True)
class Findings:
    trained: Part
    held_out: Part
    mean_image: controls.Control
    scrambled: controls.Control
    thresholds: Thresholds
    representatives: Nearest  # each representative's nearest training image
    restarts: np.ndarray  # (R, n), the training images' NCC with each restart's own candidates

    @property
    def restart_hits(self) -> np.ndarray:
        """How many training images each restart finds alone, of shape (R,)."""
        return (self.restarts > self.thresholds.both).sum(1)


def search_columns(candidates: store.Stored) -> Row:
    """What the table says of a search, whether or not there are images to compare with."""
    return {
        "method": candidates.facts["method"],
        "restarts": len(candidates["restarts/restart"]),
        "diverged": int(candidates["restarts/diverged"].sum()),
        "candidates": len(candidates["candidates/restart"]),
        "representatives": len(candidates["representatives/score"]),
    }


def search_timing(candidates: store.Stored) -> list[str | float]:
    """The stage, its devices and the seconds that all its restarts took together."""
    return ["reconstruct", " ".join(candidates.facts["restart_devices"]), candidates.facts["restart_seconds"]]


def find(settings: Evaluation, subset: store.Stored, model: Deployed, candidates: store.Stored) -> Findings:
    """Match the candidates with every image, and set the thresholds."""
    raw = pixels.of(candidates, "candidates/coordinates", model)
    representatives = pixels.of(candidates, "representatives/coordinates", model)
    trained = match(subset, "training", model, raw, representatives)
    held_out = match(subset, "held_out", model, raw, representatives)
    scrambled = controls.scrambled(trained.images, model, candidates, settings.seed)
    rate = settings.false_positive_rate
    inputs = model.centred(trained.images)
    return Findings(
        trained=trained,
        held_out=held_out,
        mean_image=controls.mean_image(trained.images, model),
        scrambled=scrambled,
        thresholds=Thresholds(threshold(held_out.ncc.score, rate), threshold(scrambled.ncc, rate)),
        representatives=nearest_by_ncc(representatives, inputs),
        restarts=np.stack(
            [nearest_by_ncc(inputs, raw[own]).score for own in by_restart(candidates["candidates/restart"])]
        ),
    )


def by_restart(restart: np.ndarray) -> list[np.ndarray]:
    """Which candidates each restart has, of candidates of the given restarts (N,)."""
    order = np.argsort(restart, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(restart[order])) + 1)


def match(subset: store.Stored, part: str, model: Deployed, raw: Pixels, representatives: Pixels) -> Part:
    """Match a part of the subset with the raw candidates (N, D) and the representatives (C, D)."""
    images = subset[f"{part}/images"]
    inputs = model.centred(images)
    ncc = nearest_by_ncc(inputs, raw)
    chosen = raw[nearest_by_channel(inputs, raw, model.mean.shape).index].view(-1, *model.mean.shape).numpy()
    return Part(
        images=images,
        labels=subset[f"{part}/labels"],
        source_index=subset[f"{part}/source_index"],
        ncc=ncc,
        one_to_one=assign_one_to_one(inputs, representatives),
        published=reconstructions(images, model.mean, chosen),
        shown=stretch(raw[ncc.index].view(-1, *model.mean.shape).numpy() + model.mean),
    )
