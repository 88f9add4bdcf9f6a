"""A pool of labelled images, and the checks that every source's images pass on entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import UserError


@dataclass(frozen=True)
class Pool:
    """images: (N, C, H, W) float32 in [0, 1], C 1 or 3; classes: (N,) int64; origin: what they were read from;
    class_names: the name of class k in place k, or empty where classes have numbers only."""

    images: np.ndarray
    classes: np.ndarray
    origin: str
    class_names: tuple[str, ...] = ()


def checked(images: np.ndarray, labels: np.ndarray, origin: str, class_names: tuple[str, ...] = ()) -> Pool:
    """A pool of images (N, H, W) or (N, H, W, C), uint8 or float in [0, 1], and integer labels (N,).

    Raises UserError naming the origin and the defect.
    """
    _check_images(images, origin)
    _check_labels(labels, len(images), class_names, origin)
    channels = images if images.ndim == 4 else images[..., None]
    pixels = np.ascontiguousarray(channels.transpose(0, 3, 1, 2))
    if pixels.dtype == np.uint8:
        pixels = np.divide(pixels, 255, dtype=np.float32)
    return Pool(pixels.astype(np.float32, copy=False), labels.astype(np.int64), origin, class_names)


def _check_images(images: np.ndarray, origin: str) -> None:
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise UserError(f"{origin}: images are of type {images.dtype}", "save them as uint8, or as float in 0 .. 1")
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3)) or 0 in images.shape:
        raise UserError(
            f"{origin}: images have shape {images.shape}", "bring them to (N, H, W), or to (N, H, W, C) with C 1 or 3"
        )
    if images.dtype.kind != "f":
        return
    finite = np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
    if not finite.all():
        raise UserError(
            f"{origin}: image {np.argmin(finite)} has a pixel that is no finite number", "repair or remove it"
        )
    if images.min() < 0 or images.max() > 1:
        raise UserError(f"{origin}: float pixels run from {images.min():g} to {images.max():g}", "scale them to 0 .. 1")


def _check_labels(labels: np.ndarray, count: int, class_names: tuple[str, ...], origin: str) -> None:
    if labels.dtype.kind not in "iu":
        raise UserError(f"{origin}: labels are of type {labels.dtype}", "save them as integers")
    if labels.shape != (count,):
        raise UserError(f"{origin}: labels have shape {labels.shape}", f"give one for each of the {count} images")
    for place, name in enumerate(class_names):
        if name in class_names[:place]:
            raise UserError(f"{origin}: two classes are named {name!r}", "give each a name of its own")
    if class_names and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise UserError(
            f"{origin}: labels run from {labels.min()} to {labels.max()}, but class_names names classes 0 to "
            f"{len(class_names) - 1}",
            "number the classes from 0 and name every one",
        )
