"""Images of the user's own: an NPZ or HDF5 file, or a folder of image files by class."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from ..errors import UserError, reason
from .images import Pool, checked

ARRAYS = ("images", "labels", "class_names")


def read_file(path: str) -> Pool:
    """The pool in an NPZ or HDF5 file of `images`, `labels` and perhaps `class_names`; nothing is unpickled.

    Which of the two formats it is, the file's first bytes tell, not its name. Raises UserError.
    """
    arrays = read_arrays(path, ARRAYS)
    for name in ("images", "labels"):
        if name not in arrays:
            raise UserError(f"{path}: has no array {name!r}", "store both images and labels in it")
    return checked(arrays["images"], arrays["labels"], path, _class_names(arrays, path))


def read_arrays(path: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named arrays that an NPZ or HDF5 file has; nothing is unpickled. Raises UserError."""
    try:
        return _read_arrays(path, names)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(
            f"{path}: no such file", "a source of kind file needs an NPZ or HDF5 file, kind folder a folder of images"
        ) from None
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, numpy and HDF5 each have their own for a broken file
        raise UserError(
            f"{path}: cannot be read ({reason(error)})", "write plain arrays of numbers with numpy.savez or h5py"
        ) from None


def read_folder(path: str) -> Pool:
    """The pool in a folder with a folder of image files for each class, ordered and numbered by ImageFolder.

    All images have one size, and all are 8-bit grey or all are RGB. Raises UserError naming the image that is not.
    """
    from torchvision.datasets import ImageFolder

    try:
        folder = ImageFolder(path, allow_empty=True)
    except OSError as error:
        raise UserError(
            f"{path}: is no folder of images by class ({reason(error)})",
            "put the images of each class into a folder of its own, below that path",
        ) from None
    if not folder.samples:
        raise UserError(f"{path}: no class folder holds an image", "put PNG, JPEG, BMP, PGM, TIFF or WebP files there")
    first = folder.samples[0][0]
    images = [_read_image(first)]
    for file, _ in folder.samples[1:]:
        images.append(_read_image(file))
        if images[-1].shape != images[0].shape:
            raise UserError(
                f"{file}: is {_describe(images[-1])}, but {first} is {_describe(images[0])}",
                "bring all images to one size, all grey or all RGB",
            )
    return checked(np.stack(images), np.asarray(folder.targets), path, tuple(folder.classes))


def _read_arrays(path: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    with Path(path).open("rb") as handle:
        if handle.read(2) == b"PK":
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as archive:
                return {name: np.asarray(archive[name]) for name in names if name in archive}
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: is neither NPZ nor HDF5", "write it with numpy.savez or h5py")
    with h5py.File(path, "r") as file:
        return {name: _values(file[name]) for name in names if name in file}


def _values(dataset: h5py.Dataset) -> np.ndarray:
    text = h5py.check_string_dtype(dataset.dtype)
    return np.asarray(dataset.asstr()[()] if text else dataset[()])


def _class_names(arrays: dict[str, np.ndarray], path: str) -> tuple[str, ...]:
    names = arrays.get("class_names", np.empty(0)).tolist()
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: class_names is no list of texts", "store one text for each class, or leave it out")
    return tuple(names)


def _read_image(file: str) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8."""
    try:
        with Image.open(file) as image:
            image.load()
    except Exception as error:  # Pillow's reader of each format has its own for a broken file
        raise UserError(f"{file}: cannot be read as an image ({reason(error)})", "repair or remove it") from None
    if image.mode not in ("L", "RGB"):
        raise UserError(f"{file}: its pixels are of mode {image.mode}", "save it as 8-bit grey (L) or RGB")
    return np.asarray(image)


def _describe(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width} x {height} {'grey' if image.ndim == 2 else 'RGB'}"
