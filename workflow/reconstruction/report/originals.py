"""What an image or vector of a data set looks like, and how it stands beside what was found."""

from __future__ import annotations

import numpy as np

from ..evaluation.bars import bars
from ..files import store

GAP = 1  # pixels between pictures that belong together


def originals(subset: store.Stored, evaluation: store.Stored, part: str, chosen: np.ndarray) -> np.ndarray:
    """Pictures (k, C, H, W) of chosen images; of vectors their coordinates as the network has them, drawn, and left of
    these the picture that they came with, if there is one."""
    images = subset[f"{part}/images"][chosen]
    if images.ndim > 2:
        return images
    drawn = bars((images - evaluation["mean"]) / evaluation["std"])
    if f"{part}/pictures" not in subset.arrays:
        return drawn
    return beside([subset[f"{part}/pictures"][chosen], drawn], axis=3)


def names(subset: store.Stored, part: str) -> np.ndarray:
    """What each image is called (n,), empty where it has no name."""
    count = len(subset[f"{part}/images"])
    return np.asarray(subset.arrays.get(f"{part}/names", np.full(count, ""))).astype(str)


def beside(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Pictures (k, C, H, W) as one, side by side (axis 3) from the top, or one above the other (2) to the right; on
    white where sizes differ."""
    channels = max(picture.shape[1] for picture in pictures)
    across = 5 - axis
    size = max(picture.shape[across] for picture in pictures)
    parts: list[np.ndarray] = []
    for picture in pictures:
        widths = [(0, 0)] * 4
        missing = size - picture.shape[across]
        widths[across] = (missing, 0) if axis == 2 else (0, missing)
        widths[axis] = (0 if not parts else GAP, 0)
        count, own, *shape = picture.shape
        whole = np.broadcast_to(picture, (count, channels, *shape)) if own == 1 else picture
        parts.append(np.pad(whole, widths, constant_values=1).astype(np.float32))
    return np.concatenate(parts, axis=axis)
