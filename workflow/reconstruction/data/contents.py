"""What arrays an NPZ or HDF5 file holds, for a message that misses one."""

from __future__ import annotations

import io
import zipfile

import h5py
from numpy.lib import format as npy

MOST = 8  # arrays named
HEADER = 20_000  # bytes that an array's shape stands within


def contents(path: str) -> str:
    """Its arrays with their shapes in words, as far as they can be read, without their values."""
    found = _of_npz(path) if zipfile.is_zipfile(path) else _of_hdf5(path)
    more = ["others"] if len(found) > MOST else []
    return f"it has {', '.join(found[:MOST] + more)}" if found else "it has no array at all"


def _of_npz(path: str) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [_of_member(archive, name) for name in archive.namelist()[: MOST + 1]]


def _of_member(archive: zipfile.ZipFile, name: str) -> str:
    try:
        with archive.open(name) as member:
            header = io.BytesIO(member.read(HEADER))
        read = npy.read_array_header_1_0 if npy.read_magic(header) == (1, 0) else npy.read_array_header_2_0
        return f"{_shown(name.removesuffix('.npy'))} {read(header)[0]}"
    except Exception:  # zipfile, zlib and numpy each have their own for a broken array
        return f"{_shown(name)} (no array)"


def _of_hdf5(path: str) -> list[str]:
    found: list[str] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append(f"{_shown(name)} {item.shape}")
        return True if len(found) > MOST else None

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)
