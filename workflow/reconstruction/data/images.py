"""A pool of labelled images, and the checks that every source's images pass on entry."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import UserError
from ..files import outside

BLACK = 2.5 / 255  # the brightest pixel of an image that shows nothing, or was scaled wrongly
DARK = 0.25  # of a pool


def things_of(shape: Sequence[int]) -> str:
    """What inputs of a shape are: images (C, H, W), or vectors (D,)."""
    return "vectors" if len(shape) == 1 else "images"


@dataclass(frozen=True)
class Pool:
    """images: (N, C, H, W) float32 in [0, 1], C 1 or 3, or vectors (N, D); classes: (N,) int64; origin: what they were
    read from; class_names: the name of class k in place k, or empty where classes have numbers only; remarks: sentences
    on what is odd about them; targets: (N,) float, or None where a file gives none; beside: what may stand
    beside each, `names` (N,) and, of vectors, `pictures` (N, C, H, W)."""

    images: np.ndarray
    classes: np.ndarray
    origin: str
    class_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    targets: np.ndarray | None = None
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def what(self) -> str:
        return things_of(self.images.shape[1:])


def checked(
    images: np.ndarray,
    labels: np.ndarray,
    origin: str,
    class_names: tuple[str, ...] = (),
    targets: np.ndarray | None = None,
) -> Pool:
    """A pool of images (N, H, W) or (N, H, W, C), uint8 or float in [0, 1], integer labels (N,) and numbers as targets.

    Class names are brought to one Unicode form. Raises UserError naming the origin and the defect.
    """
    class_names = tuple(unicodedata.normalize("NFC", name) for name in class_names)
    _check_images(images, origin)
    check_labels(labels, len(images), class_names, origin)
    channels = images if images.ndim == 4 else images[..., None]
    pixels = np.ascontiguousarray(channels.transpose(0, 3, 1, 2))
    if pixels.dtype == np.uint8:
        outside.require_room(origin, "its images as float32", 4 * pixels.size)
        pixels = np.divide(pixels, 255, dtype=np.float32)
    pixels = pixels.astype(np.float32, copy=False)
    if targets is not None:
        targets = checked_targets(targets, len(images), origin)
    return Pool(pixels, labels.astype(np.int64), origin, class_names, tuple(_remarks(pixels, origin)), targets)


def _check_images(images: np.ndarray, origin: str) -> None:
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise UserError(f"{origin}: images are of type {images.dtype}", "save them as uint8, or as float in 0 .. 1")
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3)) or 0 in images.shape:
        channels_first = images.ndim == 4 and images.shape[1] in (1, 3)
        by = ", by images.transpose(0, 2, 3, 1)" if channels_first else ""
        raise UserError(
            f"{origin}: images have shape {images.shape}",
            f"bring them to (N, H, W), or to (N, H, W, C) with C 1 or 3{by}",
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


def _remarks(pixels: np.ndarray, origin: str) -> Iterator[str]:
    """What is said of a range of pixels (N, C, H, W) that is odd; raises UserError where all images are black."""
    brightest = pixels.max((1, 2, 3))
    black, top = brightest <= BLACK, brightest.max()
    of_255 = f"the brightest pixel of all is {top:.3g}, which is {255 * top:.3g} of 255"
    if black.all():
        raise UserError(
            f"{origin}: all images are black, {of_255}",
            "if they are masks, or were divided by 255 twice, multiply them by 255",
        )
    if top < DARK:
        yield f"{origin}: all images are dark, {of_255}; scale them to 0 .. 1 unless the model saw them so"
    if black.any():
        yield (
            f"{origin}: {black.sum()} of {len(black)} images are black, number {np.argmax(black)} the first of them, "
            "without a pixel above 2 of 255; scale them like the others unless they are so"
        )


def check_labels(
    labels: np.ndarray, count: int, class_names: tuple[str, ...], origin: str, what: str = "images"
) -> None:
    if labels.shape != (count,):
        by = ", by labels.argmax(1)" if _one_hot(labels) else ", by labels[:, 0]" * (labels.shape == (count, 1))
        raise UserError(f"{origin}: labels have shape {labels.shape}", f"give one for each of the {count} {what}{by}")
    if labels.dtype.kind not in "iu":
        texts = "; class_names, labels = numpy.unique(labels, return_inverse=True) makes numbers of texts"
        advice = f"save them as integers{texts if labels.dtype.kind in 'SUO' else ''}"
        raise UserError(f"{origin}: labels are of type {labels.dtype}", advice)
    if labels.max() > np.iinfo(np.int64).max:
        raise UserError(f"{origin}: labels run up to {labels.max()}", "number the classes from 0")
    for place, name in enumerate(class_names):
        if name in class_names[:place]:
            raise UserError(f"{origin}: two classes are named {name!r}", "give each a name of its own")
    if class_names and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise UserError(
            f"{origin}: labels run from {labels.min()} to {labels.max()}, but class_names names classes 0 to "
            f"{len(class_names) - 1}",
            "number the classes from 0 and name every one",
        )


def checked_targets(targets: np.ndarray, count: int, origin: str, what: str = "images") -> np.ndarray:
    if targets.shape != (count,) or targets.dtype.kind not in "fiu":
        raise UserError(
            f"{origin}: targets have shape {targets.shape} of {targets.dtype}",
            f"give one number for each of the {count} {what}",
        )
    finite = np.abs(targets) <= np.finfo(np.float32).max
    if not finite.all():
        raise UserError(
            f"{origin}: target {np.argmin(finite)} is no finite float32",
            f"repair it, or remove it with its {what.removesuffix('s')}",
        )
    return targets.astype(np.float64)


def _one_hot(labels: np.ndarray) -> bool:
    """Whether every row has a single 1 among zeros."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "iufb":
        return False
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all())
