"""NPY and NPZ files from outside: a header is believed only as far as bytes follow it, and nothing is unpickled."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.lib import format as npy

from ..errors import shown
from . import archives, outside

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
PLAIN = "biufSU"
SURROGATES = 0xD800  # halves of letters, up to 0xDFFF


class Npz:
    """An open archive. What its methods find wrong is a ValueError, or whatever libraries make of a damaged file."""

    def __init__(self, handle: IO[bytes], path: str) -> None:
        self.path = path
        self.archive, found = archives.members(handle)
        self.members = {member.filename.removesuffix(".npy"): member for member in found}

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def names(self) -> list[str]:
        return list(self.members)

    def shape(self, name: str) -> tuple[int, ...]:
        with self.archive.open(self.members[name]) as member:
            return header(member, self.members[name].file_size, shown(name))[0]

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays; raises UserError where memory cannot hold them."""
        found = {name: self.members[name] for name in names}
        outside.require_room(self.path, "its arrays", sum(member.file_size for member in found.values()))
        arrays = {}
        for name, info in found.items():
            with self.archive.open(info) as member:
                arrays[name] = read(member, info.file_size, shown(name))
        return arrays


def read(handle: IO[bytes], size: int, name: str) -> np.ndarray:
    """The array in a file, or member of a file, of so many bytes; raises ValueError and whatever the library raises."""
    header(handle, size, name)
    handle.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = npy.read_array(handle, allow_pickle=False)
    if array.dtype.kind == "U" and not _are_letters(array.reshape(-1).view(f"{array.dtype.str[0]}u4")):
        raise ValueError(f"{name} has numbers in the place of letters that are none")
    return array


def _are_letters(numbers: np.ndarray) -> bool:
    """Whether numbers, any of which numpy takes for a letter of a text, are those of Unicode."""
    return bool(((numbers <= sys.maxunicode) & (numbers >> 11 != SURROGATES >> 11)).all())


def header(handle: IO[bytes], size: int, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and type of the array that begins where the handle stands; raises ValueError."""
    version = npy.read_magic(handle)
    if version not in HEADERS:
        raise ValueError(f"{name} is of NPY version {version[0]}.{version[1]}, for structured types")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote, and of Python's parser
        shape, _, kind = HEADERS[version](handle)
    if kind.kind not in PLAIN or not kind.itemsize:
        raise ValueError(f"{name} is of type {shown(str(kind))}, not numbers, booleans or text")
    if any(length < 0 for length in shape):
        raise ValueError(f"{name} has a negative length")
    claimed, left = math.prod(shape) * kind.itemsize, size - handle.tell()
    if claimed > left:
        raise ValueError(f"{name} claims {min(claimed, outside.LARGEST)} bytes, and {left} are there")
    return shape, kind
