"""Named arrays in a file from outside, NPZ or HDF5: which of the two it is, its first bytes tell, not its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO

import h5py

from ..errors import UserError
from . import archives, outside
from .hdf5 import Hdf5
from .npy import Npz
from .outside import reading

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FIRST = 512  # bytes after which the signature may stand as well, and after each double of them


@contextlib.contextmanager
def opened(path: str) -> Iterator[Hdf5 | Npz]:
    """The arrays of a file, to be asked for; raises UserError, also of what is found wrong while it is open."""
    with reading(path, "write plain arrays of numbers with numpy.savez or h5py", Exception), _opened(path) as handle:
        if handle.read(len(archives.MAGIC)) == archives.MAGIC:
            yield Npz(handle, path)
        elif _is_hdf5(handle):
            handle.seek(0)
            with h5py.File(handle, "r") as file:
                yield Hdf5(file, path, outside.size(handle))
        else:
            raise UserError(f"{path}: is neither NPZ nor HDF5", "write it with numpy.savez or h5py")


def _opened(path: str) -> IO[bytes]:
    try:
        return outside.opened(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", "name an NPZ or HDF5 file") from None


def _is_hdf5(handle: IO[bytes]) -> bool:
    place, end = 0, handle.seek(0, 2)
    while place < end:
        handle.seek(place)
        if handle.read(len(SIGNATURE)) == SIGNATURE:
            return True
        place = max(FIRST, 2 * place)
    return False
