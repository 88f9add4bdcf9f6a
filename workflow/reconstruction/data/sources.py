"""Where images come from: each source gives a pool of images to train on and, if it has one, a test set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..configuration import Faces, ImageFile, ImageFolder, Source, Torchvision
from ..errors import UserError, reason
from .folders import class_folders
from .images import Pool, checked

FACES = 100  # the first 100 images of scikit-image's LFW subset are faces, the rest other patches


def load(source: Source) -> tuple[Pool, Pool | None]:
    """The pool to draw training and held-out images from, and the source's own test set or None.

    Both have images of one shape and the same classes. Raises UserError naming the file and the defect.
    """
    pool, test = LOADERS[source.kind](source)
    if test is None:
        return pool, None
    if test.images.shape[1:] != pool.images.shape[1:]:
        raise UserError(
            f"{test.origin}: images have shape (C, H, W) {test.images.shape[1:]}, those of {pool.origin} "
            f"{pool.images.shape[1:]}",
            "bring both to one",
        )
    if test.class_names and pool.class_names and test.class_names != pool.class_names:
        raise UserError(
            f"{test.origin}: its classes are {', '.join(test.class_names)}, those of {pool.origin} "
            f"{', '.join(pool.class_names)}",
            "give both the same",
        )
    return pool, replace(test, class_names=pool.class_names)


def source_files(source: Source) -> list[str]:
    """What a workflow should watch for changes: a source's files; of a folder of images, it and its class folders.

    A folder's time of change tells of images added, removed, renamed or replaced by renaming, at a handful of
    look-ups however many images there are. An image overwritten in place, or in a folder further down, goes
    unnoticed. Torchvision's files, which never change and may have to be fetched first, are not watched, nor are class
    folders with a brace in their name, which Snakemake would take for a wildcard, or a name that is no UTF-8.
    """
    if not isinstance(source, ImageFile | ImageFolder):
        return []
    paths = [Path(path) for path in (source.path, source.test_path) if path]
    if isinstance(source, ImageFolder):
        paths += [folder for path in paths if path.is_dir() for folder in class_folders(path)]
    return [
        str(path) for path in paths if "{" not in str(path) and not any("\ud800" <= c <= "\udfff" for c in str(path))
    ]


def _faces(source: Faces) -> tuple[Pool, None]:
    from skimage.data import lfw_subset

    photographs = lfw_subset()[:FACES]
    return checked(photographs, np.zeros(FACES, np.int64), "skimage.data.lfw_subset"), None


def _own_images(source: ImageFile | ImageFolder) -> tuple[Pool, Pool | None]:
    from .image_files import read_file
    from .photographs import read_folder

    def read(path: str) -> Pool:
        return read_file(path) if isinstance(source, ImageFile) else read_folder(path, source.turn)

    return read(source.path), read(source.test_path) if source.test_path else None


def _torchvision(source: Torchvision) -> tuple[Pool, Pool]:
    """CIFAR's files are pickles: torchvision compares every one with its MD5 sum before it opens any."""
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION[source.kind])
    unverified = Path(source.root, dataset.__name__, "processed").expanduser()
    if unverified.exists():
        raise UserError(
            f"{unverified}: holds pickles without a checksum, which an old torchvision made",
            "remove that folder, raw beside it is enough",
        )

    def split(train: bool) -> Pool:
        try:
            loaded = dataset(source.root, train=train, download=source.download)
        except Exception as error:  # an assertion or a struct's error where a file is cut off, the network's own
            advice = "check the network" if source.download else "set download: true"
            raise UserError(
                f"{source.root}: torchvision finds no sound {source.kind} data set there ({reason(error)})",
                f"put its original files under that root, or {advice}",
            ) from None
        origin = f"{source.root} ({source.kind}, {'train' if train else 'test'})"
        return checked(np.asarray(loaded.data), np.asarray(loaded.targets), origin, tuple(loaded.classes))

    return split(True), split(False)


TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}
LOADERS: dict[str, Callable] = {
    "faces": _faces,
    "file": _own_images,
    "folder": _own_images,
    **dict.fromkeys(TORCHVISION, _torchvision),
}
