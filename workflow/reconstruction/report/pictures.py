"""The pictures on an experiment's page: images beside their nearest candidates, and the blind ranking."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..evaluation import pixels
from ..evaluation.pixels import stretch
from ..files import store
from ..models.deployed import Deployed

ROWS = 1000  # images of a part in the table, best first
PIXEL_BYTES = 2_000_000  # of a part's pictures, before compression
GAP = 1  # pixels between the pictures of a pair
SIGNALS = {"agreement": "agreement", "margin": "margin", "response": "response", "spread": "spread", "lambda": "λ"}


@dataclass(frozen=True)
class Match:
    """An image and how the candidates match it.

    expected: the NCC that networks trained without it lead to expect, nan where there are none; ssim: of the published
    matching; pair: the image and its nearest candidate as one data URI, empty beyond PIXEL_BYTES.
    """

    part: str
    number: int
    label: int
    margin: float
    ncc: float
    hit: bool
    expected: float
    calibrated_hit: bool
    one_to_one: float
    ssim: float
    pair: str


@dataclass(frozen=True)
class Representative:
    """What candidates merged to; of its nearest training image, where there is one, the truth."""

    rank: int
    picture: str
    support: int
    signals: dict[str, float]
    truth: Truth | None


@dataclass(frozen=True)
class Truth:
    number: int
    photograph: str
    ncc: float
    hit: bool


def matches(
    part: str,
    subset: store.Stored,
    model: Deployed,
    candidates: store.Stored,
    evaluation: store.Stored,
    margins: np.ndarray | None = None,
) -> list[Match]:
    """The best images of a part, training or held_out, by NCC."""
    ncc = evaluation[f"{part}/ncc"]
    chosen = np.argsort(-ncc, kind="stable")[:ROWS]
    pictured = chosen[: PIXEL_BYTES // (2 * model.mean.size)]
    raw = pixels.of(candidates, "candidates/coordinates", model)
    nearest = raw[evaluation[f"{part}/nearest_candidate"][pictured]].view(-1, *model.mean.shape).numpy()
    gap = np.ones((len(pictured), len(model.mean), model.mean.shape[1], GAP), np.float32)
    pairs = np.concatenate([subset[f"{part}/images"][pictured], gap, stretch(nearest + model.mean)], axis=3)
    pictures = [data_uri(pair) for pair in pairs] + [""] * (len(chosen) - len(pictured))
    return [
        Match(
            part=part,
            number=int(evaluation[f"{part}/source_index"][image]),
            label=int(evaluation[f"{part}/labels"][image]),
            margin=np.nan if margins is None else float(margins[image]),
            ncc=float(ncc[image]),
            hit=bool(evaluation[f"{part}/hit"][image]),
            expected=float(evaluation[f"{part}/expected_ncc"][image]),
            calibrated_hit=bool(evaluation[f"{part}/calibrated_hit"][image]),
            one_to_one=float(evaluation[f"{part}/one_to_one_ncc"][image]),
            ssim=float(evaluation[f"{part}/ssim3"][image]),
            pair=picture,
        )
        for image, picture in zip(chosen, pictures, strict=True)
    ]


def ranking(candidates: store.Stored, model: Deployed, count: int, known: Sequence[Truth] = ()) -> list[Representative]:
    """The representatives ranked first, blindly; known: the truth of each of them, where images tell."""
    signals = {word: candidates[f"representatives/{name}"][:count] for name, word in SIGNALS.items()}
    support, pictures = candidates["representatives/support"][:count], as_pictures(candidates, model, count)
    return [
        Representative(
            place + 1, data_uri(picture), int(support[place]),
            {word: float(values[place]) for word, values in signals.items()}, truth,
        )
        for place, (picture, truth) in enumerate(zip_longest(pictures, known))
    ]  # fmt: skip


def as_pictures(candidates: store.Stored, model: Deployed, count: int) -> np.ndarray:
    """The representatives ranked first as pictures (count, C, H, W): the mean image added, stretched to [0, 1].

    A representative is a mean of unit vectors, so it is brought to the median norm of its members first.
    """
    norms = np.linalg.norm(candidates["candidates/coordinates"], axis=1)
    medians = pd.Series(norms).groupby(candidates["candidates/cluster"]).median().to_numpy()[:count]
    representatives = pixels.of(candidates, "representatives/coordinates", model)[:count]
    lengths = np.linalg.norm(candidates["representatives/coordinates"][:count], axis=1)
    scale = torch.from_numpy((medians / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32))
    return stretch((representatives * scale[:, None]).view(-1, *model.mean.shape).numpy() + model.mean)


def truths(subset: store.Stored, evaluation: store.Stored, count: int, limit: float) -> list[Truth]:
    """The training image nearest to each of the representatives ranked first."""
    nearest, scores = evaluation["representatives/nearest_image"][:count], evaluation["representatives/ncc"][:count]
    return [
        Truth(
            int(subset["training/source_index"][image]),
            data_uri(subset["training/images"][image]),
            float(score),
            bool(score > limit),
        )
        for image, score in zip(nearest, scores, strict=True)
    ]


def data_uri(image: np.ndarray) -> str:
    """An image (C, H, W) in [0, 1] as a PNG within a URI."""
    buffer = io.BytesIO()
    shades = (image.transpose(1, 2, 0).squeeze() * 255).round().astype(np.uint8)
    Image.fromarray(shades).save(buffer, "PNG", compress_level=9)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
