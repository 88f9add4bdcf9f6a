"""What arrays an NPZ or HDF5 file holds, for a message that misses one."""

from __future__ import annotations

from ..errors import shown
from ..files.hdf5 import Hdf5
from ..files.npy import Npz

MOST = 8  # arrays named


def contents(file: Hdf5 | Npz) -> str:
    """Its arrays with their shapes in words, as far as they can be read, without their values."""
    names = file.names()
    found = [f"{name if name.isprintable() else shown(name)} {_shape(file, name)}" for name in names[:MOST]]
    more = ["others"] if len(names) > MOST else []
    return f"it has {', '.join(found + more)}" if found else "it has no array at all"


def _shape(file: Hdf5 | Npz, name: str) -> str:
    try:
        return str(file.shape(name))
    except Exception:  # zipfile, zlib, numpy and HDF5 each have their own for a broken array
        return "(no array)"
