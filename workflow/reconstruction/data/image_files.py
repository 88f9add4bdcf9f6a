"""Images of the user's own: an NPZ or HDF5 file, or a folder of image files by class."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..errors import UserError, reason
from ..files import arrays, outside
from .images import Pool, checked

ARRAYS = ("images", "labels", "class_names")


def read_file(path: str) -> Pool:
    """The pool in an NPZ or HDF5 file of `images`, `labels` and perhaps `class_names`; nothing is unpickled.

    Which of the two formats it is, the file's first bytes tell, not its name. Raises UserError.
    """
    found = read_arrays(path, ARRAYS)
    for name in ("images", "labels"):
        if name not in found:
            raise UserError(f"{path}: has no array {name!r}", "store both images and labels in it")
    return checked(found["images"], found["labels"], path, _class_names(found, path))


def read_arrays(path: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named arrays that an NPZ or HDF5 file has; nothing is unpickled. Raises UserError."""
    with arrays.opened(path) as file:
        return file.read(name for name in names if name in file)


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


def _class_names(found: dict[str, np.ndarray], path: str) -> tuple[str, ...]:
    names = found.get("class_names", np.empty(0)).tolist()
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: class_names is no list of texts", "store one text for each class, or leave it out")
    return tuple(names)


def _read_image(file: str) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8."""
    try:
        with outside.opened(file) as handle, Image.open(handle) as image:
            image.load()
    except UserError:
        raise
    except Exception as error:  # Pillow's reader of each format has its own for a broken file
        raise UserError(f"{file}: cannot be read as an image ({reason(error)})", "repair or remove it") from None
    if image.mode not in ("L", "RGB"):
        raise UserError(f"{file}: its pixels are of mode {image.mode}", "save it as 8-bit grey (L) or RGB")
    return np.asarray(image)


def _describe(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    return f"{width} x {height} {'grey' if image.ndim == 2 else 'RGB'}"
