"""Vectors of the user's own, such as embeddings, from an NPZ or HDF5 file."""

from __future__ import annotations

import numpy as np

from ..errors import UserError
from ..files import arrays
from .contents import contents
from .image_files import class_names, labels_of, read_arrays
from .images import Pool, check_labels, checked, checked_targets

ARRAYS = ("inputs", "labels", "class_names", "images", "names", "targets")


def read_vectors(path: str, labelled: bool = True) -> Pool:
    """The pool in an NPZ or HDF5 file of `inputs` (N, D), `labels`, and perhaps `class_names`, `images` and `names`.

    With `targets`, or where they need not be labelled, all without labels are of class 0.
    Inputs are numbers of any range. Nothing is unpickled. Raises UserError.
    """
    with arrays.opened(path) as file:
        for name in ("inputs", "labels"):
            needed = name == "inputs" or (labelled and "targets" not in file.names())
            if needed and name not in file.names():
                problem = f"{path}: has no array {name!r}; {contents(file)}"
                raise UserError(problem, "store one array inputs (N, D) and one array labels (N,) in it")
    found = read_arrays(path, ARRAYS)
    inputs, labels, names = found["inputs"], labels_of(found, "inputs"), class_names(found, path)
    _check(inputs, path)
    check_labels(labels, len(inputs), names, path, "vectors")
    beside = {}
    if "images" in found:
        pictures = checked(found["images"], labels, path, names)
        beside["pictures"] = pictures.images
    if "names" in found:
        if found["names"].shape != labels.shape or found["names"].dtype.kind not in "UO":
            raise UserError(
                f"{path}: names are no texts, one for each of the {len(labels)} vectors", "give such, or none"
            )
        beside["names"] = found["names"].astype(str)
    targets = checked_targets(found["targets"], len(inputs), path, "vectors") if "targets" in found else None
    return Pool(inputs.astype(np.float32), labels.astype(np.int64), path, names, (), targets, beside)


def _check(inputs: np.ndarray, path: str) -> None:
    if inputs.ndim != 2 or 0 in inputs.shape:
        raise UserError(f"{path}: inputs have shape {inputs.shape}", "bring them to (N, D), a row for each")
    if inputs.dtype.kind not in "fiu":
        raise UserError(f"{path}: inputs are of type {inputs.dtype}", "save them as numbers")
    with np.errstate(over="ignore"):
        finite = np.isfinite(inputs.astype(np.float32)).all(1)
    if not finite.all():
        raise UserError(
            f"{path}: input {np.argmin(finite)} has a number that is no finite float32", "repair or remove it"
        )


def spread(inputs: np.ndarray) -> np.ndarray:
    """The standard deviation (D,) of each coordinate of vectors (n, D), 1 of one that does not vary; float32."""
    std = inputs.std(0, dtype=np.float64)
    return np.where(std > 1e-6 * np.maximum(1e-6, np.abs(inputs).max(0)), std, 1).astype(np.float32)
