"""A file that a person gives beside a model: images or vectors as the model takes them."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from .image_files import read_file
from .images import Pool
from .vectors import read_vectors


def read_for(shape: tuple[int, ...], path: Path, labelled: bool = True) -> Pool:
    """The images (C, H, W), or vectors (D,), of that shape in an NPZ or HDF5 file; raises UserError of others."""
    pool = (read_vectors if len(shape) == 1 else read_file)(str(path), labelled)
    if pool.images.shape[1:] != shape:
        raise UserError(
            f"{path}: {pool.what} have shape {pool.images.shape[1:]}, and the model takes {shape}",
            f"give {pool.what} of that shape",
        )
    return pool
