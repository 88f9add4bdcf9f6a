"""Where images come from: each source gives a pool to train on and, if it has them, others: held out, test, public."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..configuration import Faces, ImageFile, ImageFolder, Source, Torchvision, VectorFile
from ..errors import UserError, reason
from .folders import class_folders
from .images import Pool, checked

FACES = 100  # the first 100 images of scikit-image's LFW subset are faces, the rest other patches


class Pools(NamedTuple):
    """held_out: None where held-out images are of the pool of the training ones; test, public: None where there is
    none."""

    training: Pool
    held_out: Pool | None = None
    test: Pool | None = None
    public: Pool | None = None


def load(source: Source) -> Pools:
    """A source's pools, of images of one shape and, but for the public ones, the same classes.

    Raises UserError naming the file and the defect.
    """
    pools = LOADERS[source.kind](source)
    for other in pools[1:]:
        _check_shape(pools.training, other)
    held_out, test = (_of_its_classes(pools.training, other) for other in (pools.held_out, pools.test))
    return pools._replace(held_out=held_out, test=test)


def _check_shape(pool: Pool, other: Pool | None) -> None:
    """Raises UserError where another pool of the same source is of other images."""
    if other is not None and other.images.shape[1:] != pool.images.shape[1:]:
        what = "inputs have shape" if pool.images.ndim == 2 else "images have shape (C, H, W)"
        raise UserError(
            f"{other.origin}: {what} {other.images.shape[1:]}, those of {pool.origin} {pool.images.shape[1:]}",
            "bring both to one",
        )


def _of_its_classes(pool: Pool, other: Pool | None) -> Pool | None:
    """Another pool of the same source, with the names of its classes; raises UserError where they are others."""
    if other is None:
        return None
    if other.class_names and pool.class_names and other.class_names != pool.class_names:
        raise UserError(
            f"{other.origin}: its classes are {', '.join(other.class_names)}, those of {pool.origin} "
            f"{', '.join(pool.class_names)}",
            "give both the same",
        )
    return replace(other, class_names=pool.class_names)


def source_files(source: Source) -> list[str]:
    """What a workflow should watch for changes: a source's files; of a folder of images, it and its class folders.

    A folder's time of change tells of images added, removed, renamed or replaced by renaming, at a handful of
    look-ups however many images there are. An image overwritten in place, or in a folder further down, goes
    unnoticed. Torchvision's files, which never change and may have to be fetched first, are not watched, nor are class
    folders with a brace in their name, which Snakemake would take for a wildcard, or a name that is no UTF-8.
    """
    if not isinstance(source, ImageFile | ImageFolder | VectorFile):
        return []
    paths = [Path(path) for path in (source.path, source.held_out_path, source.test_path, source.public_path) if path]
    if isinstance(source, ImageFolder):
        paths += [folder for path in paths if path.is_dir() for folder in class_folders(path)]
    return [
        str(path) for path in paths if "{" not in str(path) and not any("\ud800" <= c <= "\udfff" for c in str(path))
    ]


def _faces(source: Faces) -> Pools:
    from skimage.data import lfw_subset

    photographs = lfw_subset()[:FACES]
    return Pools(checked(photographs, np.zeros(FACES, np.int64), "skimage.data.lfw_subset"))


def _own(source: ImageFile | ImageFolder | VectorFile) -> Pools:
    from .image_files import read_file
    from .photographs import read_folder
    from .vectors import read_vectors

    def read(path: str, labelled: bool = True) -> Pool:
        if isinstance(source, ImageFolder):
            return read_folder(path, source.turn, source.resize)
        return (read_file if isinstance(source, ImageFile) else read_vectors)(path, labelled)

    held_out, test = (read(path) if path else None for path in (source.held_out_path, source.test_path))
    public = read(source.public_path, labelled=False) if source.public_path else None
    return Pools(read(source.path), held_out, test, public)


def _torchvision(source: Torchvision) -> Pools:
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

    return Pools(split(True), test=split(False))


TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}
LOADERS: dict[str, Callable] = {
    "faces": _faces,
    "file": _own,
    "folder": _own,
    "vectors": _own,
    **dict.fromkeys(TORCHVISION, _torchvision),
}
