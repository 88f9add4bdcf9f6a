"""HDF5 files from outside: nothing is read before it is known to lie in the file, whole, and to be of plain values.

HDF5 itself follows links to other files, reads any file that a data set names as its storage, and makes room for
whatever size a data set claims. Groups may hold themselves and nest without end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import h5py
import numpy as np
from h5py import h5a, h5d, h5l, h5o, h5s, h5t, h5z

from ..errors import shown
from . import outside

DEEPEST = 8  # groups within each other
TEXTS, TEXT = 50_000, 2**28  # of texts of varying length: how many, and bytes in all
PLAIN = {h5t.INTEGER: "whole number", h5t.FLOAT: "number", h5t.STRING: "text", h5t.ENUM: "boolean"}
PASSES = {h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}  # filters that leave a size as it is


class Hdf5:
    """An open file. What its methods find wrong is a ValueError, or whatever the library makes of a damaged file."""

    def __init__(self, file: h5py.File, path: str, size: int) -> None:
        """size: of the file, in bytes."""
        self.file, self.path, self.size = file, path, size

    def __contains__(self, name: str) -> bool:
        """Whether the outermost group has anything of that name."""
        return self.file.id.links.exists(name.encode())

    def names(self) -> list[str]:
        """Of all data sets, and of links, which are not followed."""
        return sorted(self._walk())

    def shape(self, name: str) -> tuple[int, ...]:
        return self._checked(name)[0].shape

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays, texts as str; raises UserError where memory cannot hold them."""
        found = {name: self._checked(name) for name in names}
        outside.require_room(self.path, "its arrays", sum(size for _, size in found.values()))
        return {name: self._values(dataset, name) for name, (dataset, _) in found.items()}

    def text(self, name: str) -> str:
        """An attribute of the file that is a text of fixed length, in UTF-8."""
        kind = self._attribute(name, h5t.STRING).get_type()
        if kind.is_variable_str() or kind.get_size() > self.size:
            raise ValueError(f"its attribute {name} is no text of fixed length")
        return bytes(self.file.attrs[name]).decode()

    def number(self, name: str) -> int:
        """An attribute of the file that is a whole number."""
        self._attribute(name, h5t.INTEGER)
        return int(self.file.attrs[name])

    def _attribute(self, name: str, kind: int) -> h5a.AttrID:
        if not h5a.exists(self.file.id, name.encode()):
            raise ValueError(f"it has no attribute {name}")
        attribute = h5a.open(self.file.id, name.encode())
        if attribute.get_type().get_class() != kind or attribute.get_space().get_simple_extent_type() != h5s.SCALAR:
            raise ValueError(f"its attribute {name} is no {PLAIN[kind]}")
        return attribute

    def _walk(self) -> Iterator[str]:
        ahead, seen = [("", self.file)], {_address(self.file)}
        while ahead:
            prefix, group = ahead.pop()
            if prefix.count("/") > DEEPEST:
                raise ValueError(f"it nests groups more than {DEEPEST} deep")
            for part in group:
                item = None if _is_link(group, part) else group[part]
                if not isinstance(item, h5py.Group):
                    yield f"{prefix}{part}"
                elif _address(item) not in seen:
                    seen.add(_address(item))
                    ahead.append((f"{prefix}{part}/", item))

    def _checked(self, name: str) -> tuple[h5py.Dataset, int]:
        """A data set of plain values, all in this file, and the bytes that reading it takes; none was read so far."""
        dataset = self._located(name)
        layout = dataset.id.get_create_plist()  # says where values lie without looking there, as the shape does
        if layout.get_layout() == h5d.VIRTUAL or layout.get_external_count():
            raise ValueError(f"{shown(name)} keeps its values in another file")
        kind, space = dataset.id.get_type(), dataset.id.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            raise ValueError(f"{shown(name)} is empty")
        if kind.get_class() not in PLAIN or (kind.get_class() == h5t.ENUM and dataset.dtype != bool):
            raise ValueError(f"{shown(name)} is of another type than numbers, booleans and text")
        if sum(layout.get_filter(place)[0] not in PASSES for place in range(layout.get_nfilters())) > 1:
            raise ValueError(f"{shown(name)} is compressed twice")
        width = max(dataset.dtype.itemsize, kind.get_size())
        chunk = layout.get_chunk() if layout.get_layout() == h5d.CHUNKED else ()
        claimed = width * max(math.prod(dataset.shape), math.prod(chunk))
        outside.require_stored(shown(name), claimed, dataset.id.get_storage_size())
        return dataset, claimed

    def _located(self, name: str) -> h5py.Dataset:
        item = self.file
        for part in name.split("/"):
            if not isinstance(item, h5py.Group) or _is_link(item, part):
                raise ValueError(f"{shown(name)} is a link, which may lead to another file")
            item = item[part]
        if not isinstance(item, h5py.Dataset):
            raise ValueError(f"{shown(name)} is a {type(item).__name__.lower()}, no array")
        return item

    def _values(self, dataset: h5py.Dataset, name: str) -> np.ndarray:
        if dataset.id.get_type().get_class() != h5t.STRING:
            return dataset[()]
        if not dataset.id.get_type().is_variable_str():
            return np.char.decode(dataset[()])
        if dataset.ndim != 1 or len(dataset) > TEXTS:
            raise ValueError(f"{shown(name)} is no list of at most {TEXTS} texts")
        texts: list[str] = []
        step = max(1, TEXT // self.size)  # each text may be as long as the file, and several may be the same one
        for start in range(0, len(dataset), step):
            texts.extend(dataset.asstr()[start : start + step])
            if sum(map(len, texts[-step:])) > TEXT:
                raise ValueError(f"{shown(name)} is of texts too long")
        return np.array(texts, object)


def _is_link(group: h5py.Group, name: str) -> bool:
    return group.id.links.get_info(name.encode(errors="surrogateescape")).type != h5l.TYPE_HARD


def _address(group: h5py.Group) -> int:
    return h5o.get_info(group.id).addr
