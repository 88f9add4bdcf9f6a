"""Images of the user's own: an NPZ or HDF5 file."""

from __future__ import annotations

import numpy as np

from ..errors import UserError
from ..files import arrays
from .contents import contents
from .images import Pool, checked

ARRAYS = ("images", "labels", "class_names", "targets")


def read_file(path: str, labelled: bool = True) -> Pool:
    """The pool in an NPZ or HDF5 file of `images`, `labels` and perhaps `class_names`; nothing is unpickled.

    With `targets`, or where they need not be labelled, all images without labels are of class 0.
    Which of the two formats it is, the file's first bytes tell, not its name. Raises UserError.
    """
    with arrays.opened(path) as file:
        for name in ("images", "labels"):
            needed = name == "images" or (labelled and "targets" not in file.names())
            if needed and name not in file.names():
                problem = f"{name} is a group, no array" if name in file else f"has no array {name!r}"
                raise UserError(
                    f"{path}: {problem}; {contents(file)}", "store one array images and one array labels in it"
                )
    found = read_arrays(path, ARRAYS)
    return checked(found["images"], labels_of(found, "images"), path, class_names(found, path), found.get("targets"))


def read_arrays(path: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named arrays that an NPZ or HDF5 file has; nothing is unpickled. Raises UserError."""
    with arrays.opened(path) as file:
        return file.read(name for name in names if name in file)


def labels_of(found: dict[str, np.ndarray], what: str) -> np.ndarray:
    """Labels, all 0 where a file has none."""
    return found["labels"] if "labels" in found else np.zeros(found[what].shape[:1], np.int64)


def class_names(found: dict[str, np.ndarray], path: str) -> tuple[str, ...]:
    names = found.get("class_names", np.empty(0)).tolist()
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: class_names is no list of texts", "store one text for each class, or leave it out")
    return tuple(names)
