"""Images of the user's own: an NPZ or HDF5 file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ..errors import UserError, reason
from .contents import contents
from .images import Pool, checked

ARRAYS = ("images", "labels", "class_names")


def read_file(path: str) -> Pool:
    """The pool in an NPZ or HDF5 file of `images`, `labels` and perhaps `class_names`; nothing is unpickled.

    Which of the two formats it is, the file's first bytes tell, not its name. Raises UserError.
    """
    arrays = read_arrays(path, ARRAYS)
    for name in ("images", "labels"):
        if name not in arrays:
            raise UserError(
                f"{path}: has no array {name!r}; {contents(path)}", "store one array images and one array labels in it"
            )
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


def _read_arrays(path: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    with Path(path).open("rb") as handle:
        if handle.read(2) == b"PK":
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as archive:
                return {name: np.asarray(archive[name]) for name in names if name in archive}
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: is neither NPZ nor HDF5", "write it with numpy.savez or h5py")
    with h5py.File(path, "r") as file:
        return {name: _values(file[name], path) for name in names if name in file}


def _values(dataset: h5py.Dataset | h5py.Group, path: str) -> np.ndarray:
    if isinstance(dataset, h5py.Group):
        name = dataset.name.removeprefix("/")
        raise UserError(f"{path}: {name} is a group, no array; {contents(path)}", f"store one array {name} in it")
    text = h5py.check_string_dtype(dataset.dtype)
    return np.asarray(dataset.asstr()[()] if text else dataset[()])


def _class_names(arrays: dict[str, np.ndarray], path: str) -> tuple[str, ...]:
    names = arrays.get("class_names", np.empty(0)).tolist()
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: class_names is no list of texts", "store one text for each class, or leave it out")
    return tuple(names)
