"""Where images come from: each source gives a pool of images to train on and, if it has one, a test set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .configuration import Faces, Npz, Source, Torchvision
from .errors import UserError

FACES = 100  # the first 100 images of scikit-image's LFW subset are faces, the rest other patches


@dataclass(frozen=True)
class Pool:
    """images: (N, C, H, W) float32 in [0, 1]; classes: (N,) int64; origin: what they were read from."""

    images: np.ndarray
    classes: np.ndarray
    origin: str


def load(source: Source) -> tuple[Pool, Pool | None]:
    """The pool to draw training and held-out images from, and the source's own test set or None.

    Raises UserError naming the file and the defect.
    """
    return LOADERS[source.kind](source)


def source_files(source: Source) -> list[str]:
    """The files that a workflow should watch for changes."""
    return [path for path in (source.path, source.test_path) if path] if isinstance(source, Npz) else []


def _faces(source: Faces) -> tuple[Pool, None]:
    from skimage.data import lfw_subset

    photographs = lfw_subset()[:FACES]
    return _pool(photographs, np.zeros(FACES, np.int64), "skimage.data.lfw_subset"), None


def _npz(source: Npz) -> tuple[Pool, Pool | None]:
    return _read_npz(source.path), _read_npz(source.test_path) if source.test_path else None


def _read_npz(path: str) -> Pool:
    try:
        with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            missing = {"images", "labels"} - set(file.files)
            if missing:
                raise UserError(f"{path}: has no array {sorted(missing)[0]!r}; an NPZ source needs images and labels")
            return _pool(file["images"], file["labels"], path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give the NPZ file's path in the dataset's source") from None
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own for a broken archive
        raise UserError(
            f"{path}: cannot be read as NPZ ({' '.join(str(error).split())}); write it with numpy.savez"
        ) from None


def _torchvision(source: Torchvision) -> tuple[Pool, Pool]:
    from torchvision import datasets

    dataset = {"mnist": datasets.MNIST, "cifar10": datasets.CIFAR10}[source.kind]

    def split(train: bool) -> Pool:
        try:
            loaded = dataset(source.root, train=train, download=source.download)
        except (RuntimeError, OSError, ValueError, EOFError) as error:
            raise UserError(
                f"{source.root}: torchvision finds no sound {source.kind} data set there "
                f"({' '.join(str(error).split())}); put its original files under that root, or set download: true"
            ) from None
        return _pool(
            np.asarray(loaded.data), np.asarray(loaded.targets), f"{source.root} ({'train' if train else 'test'})"
        )

    return split(True), split(False)


LOADERS: dict[str, Callable] = {"faces": _faces, "npz": _npz, "mnist": _torchvision, "cifar10": _torchvision}


def _pool(images: np.ndarray, labels: np.ndarray, origin: str) -> Pool:
    """Check images (N, H, W[, C]) of uint8 or float in [0, 1] and labels (N,), and bring them to one form."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise UserError(f"{origin}: images have shape {images.shape}; expected (N, H, W) or (N, H, W, C) with C 1 or 3")
    if labels.shape != images.shape[:1]:
        raise UserError(f"{origin}: labels have shape {labels.shape}; expected one for each of {len(images)} images")
    if labels.dtype.kind not in "iu":
        raise UserError(f"{origin}: labels are of type {labels.dtype}; expected integers")
    if images.dtype == np.uint8:
        images = images.astype(np.float32) / 255
    elif images.dtype.kind != "f":
        raise UserError(f"{origin}: images are of type {images.dtype}; expected uint8, or float in [0, 1]")
    elif not np.isfinite(images).all():
        worst = int(np.argmax(~np.isfinite(images).all(axis=(1, 2, 3))))
        raise UserError(f"{origin}: image {worst} has a pixel that is no finite number; remove or repair it")
    elif images.min() < 0 or images.max() > 1:
        raise UserError(f"{origin}: float pixels run from {images.min():g} to {images.max():g}; scale them to 0 .. 1")
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
    return Pool(pixels, labels.astype(np.int64), origin)
