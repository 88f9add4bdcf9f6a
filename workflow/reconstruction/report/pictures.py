"""The pictures on an experiment's page: images beside their nearest candidates, and the blind ranking."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from ..evaluation.scores import best_first
from ..evaluation.showing import ssim_name
from ..files import store
from .originals import GAP, beside, names, originals

ROWS = 1000  # images of a part in the table, best first
THUMBNAILS, THUMBNAILS_IN_A_ROW, THUMBNAIL = 6, 3, 64  # THUMBNAIL: about how many pixels high
LARGE = 512  # pixels, the least that the longer side of an enlarged picture has
OF_GRADIENTS = ("agreement", "margin", "response", "spread", "lambda")
OF_GATES = ("gap", "contradiction", "misfit", "margin", "lambda")


@dataclass(frozen=True)
class Match:
    """An image and how the candidates match it.

    name: empty where it has none; candidate: the raw one that ncc is of, by its number; expected: the NCC that networks
    trained without the image lead to expect, nan where there are none; representative: the rank of the one that
    one_to_one is of, if there is one; ssim: of the published matching, which takes ssim_candidate, shown by the
    experiment's rule, nan of vectors; pair: the image and its nearest candidate as one data URI, empty where none is
    kept; public: what is nearest to that candidate.
    """

    part: str
    number: int
    name: str
    label: int | float
    margin: float
    ncc: float
    candidate: int
    hit: bool
    expected: float
    calibrated_hit: bool
    one_to_one: float
    representative: int | None
    ssim: float
    ssim_candidate: int
    pair: str
    public: Sequence[Neighbour]


@dataclass(frozen=True)
class Representative:
    """What candidates merged to; of its nearest training image, where there is one, the truth; public: what is nearest
    to it."""

    rank: int
    picture: str
    support: int
    signals: dict[str, float]
    truth: Truth | None
    public: Sequence[Neighbour]


@dataclass(frozen=True)
class Neighbour:
    """A vector of a public pool that is near to a candidate; picture: empty where it came without."""

    name: str
    cosine: float
    picture: str


@dataclass(frozen=True)
class Truth:
    number: int
    name: str
    photograph: str
    ncc: float
    hit: bool


def matches(
    part: str, subset: store.Stored, evaluation: store.Stored, margins: np.ndarray | None = None
) -> list[Match]:
    """The best images of a part, training or held_out, by NCC."""
    ncc = evaluation[f"{part}/ncc"]
    ssim = evaluation[f"{part}/{ssim_name(evaluation.table('row')['showing'])}"]
    chosen, shown = best_first(ncc)[:ROWS], evaluation[f"{part}/shown"][:ROWS]
    photographs = originals(subset, evaluation, part, chosen[: len(shown)])
    pictures, called = [data_uri(pair) for pair in beside([photographs, shown], axis=3)], names(subset, part)
    public = neighbours(evaluation, part)[:ROWS]
    return [
        Match(
            part=part,
            number=int(evaluation[f"{part}/source_index"][image]),
            name=str(called[image]),
            label=evaluation[f"{part}/labels"][image].item(),
            margin=np.nan if margins is None else float(margins[image]),
            ncc=float(ncc[image]),
            candidate=int(evaluation[f"{part}/nearest_candidate"][image]),
            hit=bool(evaluation[f"{part}/hit"][image]),
            expected=float(evaluation[f"{part}/expected_ncc"][image]),
            calibrated_hit=bool(evaluation[f"{part}/calibrated_hit"][image]),
            one_to_one=float(evaluation[f"{part}/one_to_one_ncc"][image]),
            representative=int(rank) if (rank := evaluation[f"{part}/one_to_one_representative"][image] + 1) else None,
            ssim=float(ssim[image]),
            ssim_candidate=int(evaluation[f"{part}/ssim_candidate"][image]),
            pair=picture or "",
            public=near or (),
        )
        for image, picture, near in zip_longest(chosen, pictures, public)
    ]


def neighbours(evaluation: store.Stored, whose: str) -> list[list[Neighbour]]:
    """Of the candidates of the best images of a part, or of the representatives ranked first; none without a pool."""
    if f"{whose}/public_names" not in evaluation.arrays:
        return []
    called, cosines = evaluation[f"{whose}/public_names"].astype(str), evaluation[f"{whose}/public_cosines"]
    shown = evaluation.arrays.get(f"{whose}/public_shown")
    pictures = [[""] * len(some) for some in called] if shown is None else [map(data_uri, some) for some in shown]
    return [
        [Neighbour(str(name), float(cosine), picture) for name, cosine, picture in zip(*of_one, strict=True)]
        for of_one in zip(called, cosines, pictures, strict=True)
    ]


def ranking(
    candidates: store.Stored,
    pictures: np.ndarray,
    known: Sequence[Truth] = (),
    public: Sequence[Sequence[Neighbour]] = (),
) -> list[Representative]:
    """The representatives ranked first, blindly, as pictures (k, C, H, W); known: the truth of each, where there is;
    public: what is nearest to each, where there is a pool."""
    count = len(pictures)
    names = OF_GATES if candidates.facts["method"] == "exact" else OF_GRADIENTS
    signals = {name.replace("lambda", "λ"): candidates[f"representatives/{name}"][:count] for name in names}
    support = candidates["representatives/support"][:count]
    return [
        Representative(
            place + 1, data_uri(picture), int(support[place]),
            {word: float(values[place]) for word, values in signals.items()}, truth, near or (),
        )
        for place, (picture, truth, near) in enumerate(zip_longest(pictures, known, public))
    ]  # fmt: skip


def truths(subset: store.Stored, evaluation: store.Stored, count: int, limit: float) -> list[Truth]:
    """The training image nearest to each of the representatives ranked first."""
    nearest, scores = evaluation["representatives/nearest_image"][:count], evaluation["representatives/ncc"][:count]
    called, pictures = names(subset, "training"), originals(subset, evaluation, "training", nearest)
    return [
        Truth(
            int(subset["training/source_index"][image]),
            str(called[image]),
            data_uri(picture),
            float(score),
            bool(score > limit),
        )
        for image, picture, score in zip(nearest, pictures, scores, strict=True)
    ]


def thumbnail_of_pairs(folder: Path) -> str:
    """The best pairs among those that `draw` has put into a folder, smaller."""
    chosen = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))[:THUMBNAILS]]
    small = [picture.reduce(max(1, picture.height // THUMBNAIL)) for picture in chosen]
    return thumbnail([np.asarray(picture).transpose(2, 0, 1) / 255 for picture in small])


def thumbnail(pictures: Sequence[np.ndarray]) -> str:
    """The first of pictures (C, H, W) of one size, in rows, as a URI; nothing where there are none."""
    tiles = [np.pad(picture, ((0, 0), (0, GAP), (0, GAP)), constant_values=1) for picture in pictures[:THUMBNAILS]]
    if not tiles:
        return ""
    tiles += [np.ones_like(tiles[0])] * (-len(tiles) % THUMBNAILS_IN_A_ROW)
    lines = [
        np.concatenate(tiles[first : first + THUMBNAILS_IN_A_ROW], axis=2)
        for first in range(0, len(tiles), THUMBNAILS_IN_A_ROW)
    ]
    return data_uri(np.concatenate(lines, axis=1))


def data_uri(image: np.ndarray) -> str:
    """An image (C, H, W) in [0, 1] as a PNG within a URI."""
    buffer = io.BytesIO()
    Image.fromarray(as_bytes(image)).save(buffer, "PNG", compress_level=9)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def enlarged(picture: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) with each pixel a square, so that its longer side has LARGE pixels at least."""
    times = -(-LARGE // max(picture.shape[1:]))
    return picture.repeat(times, axis=1).repeat(times, axis=2)


def as_bytes(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) in [0, 1] as (H, W) or (H, W, C) of whole numbers to 255."""
    return (image.transpose(1, 2, 0).squeeze() * 255).round().astype(np.uint8)
