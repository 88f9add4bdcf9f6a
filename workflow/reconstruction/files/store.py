"""HDF5 files as the contract between stages: whole or absent, checksummed, self-describing, versioned.

A file carries its kind and stage, the format and code versions, the settings that made it (JSON), the digests of
the files it was made from, and a digest of its own results. Data sets of results are compressed and carry a fletcher32
checksum each. HDF5's user block, which other readers skip, seals the file with the SHA-256 of all that follows:
a damaged file is found out before the HDF5 library, which a flipped bit can send astray, reads it.
A file appears by an atomic rename, or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import __version__
from ..errors import UserError, reason, shown
from . import outside, shapes
from .facts import Facts, facts_of, table
from .hdf5 import Hdf5
from .outside import reading

USER_BLOCK = 512
LABELS = ("kind", "code_version", "settings", "facts", "sources", "digest")
SEAL = b"reconstruction file, sha256 of the rest: "

# Each kind of file and the stage that makes it.
STAGE_OF = {
    "subset": "subset",
    "model": "train",
    "training": "train",
    "shard": "reconstruct",
    "progress": "reconstruct",
    "candidates": "deduplicate",
    "evaluation": "evaluate",
    "inspection": "inspect",
}
FORMAT_VERSIONS = dict(dict.fromkeys(STAGE_OF, 2), subset=3, model=3, evaluation=13, inspection=8, progress=3)

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Stored:
    """A file that was read whole and found sound, or written just now."""

    path: Path
    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]
    facts: dict[str, Any]
    sources: dict[str, str]
    digest: str
    code_version: str = ""
    lengths: dict[str, int] = field(default_factory=dict, compare=False)  # of the arrays, by name

    def table(self, name: str) -> Facts:
        """The JSON object that is kept as an array; raises UserError."""
        try:
            return Facts(table({name: str(self[name])}, name), self.path)
        except ValueError as error:
            raise UserError(f"{self.path}: cannot be read ({error})", "remove it and make it again") from None

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise UserError(f"{self.path}: has no array {name}", "remove it and make it again")
        return self.arrays[name]


def write(
    path: Path,
    kind: str,
    arrays: Arrays,
    *,
    settings_json: str,
    facts: Mapping[str, Any] | None = None,
    sources: Mapping[str, Stored] | None = None,
    compress: bool = True,
) -> Stored:
    """Write a file whole and return what reading it back would give; raises UserError where the disk refuses.

    arrays: by name, '/' making groups; numbers, booleans or text.
    facts: scalars and lists that JSON can hold, such as the device and the seconds taken. They are
    no part of the digest: the same results have the same digest wherever they were made.
    sources: the files that this one was made from; their digests are kept.
    compress: false for a file that is soon replaced; the seal alone protects its data sets then.
    """
    digests = {name: source.digest for name, source in (sources or {}).items()}
    facts_json = json.dumps(dict(facts or {}), sort_keys=True)
    digest = _digest(kind, arrays, settings_json, digests)
    buffer = io.BytesIO()  # the disk sees finished bytes only: HDF5 cannot end a file that the disk has no room for
    with h5py.File(buffer, "w", userblock_size=USER_BLOCK) as file:
        for name, array in arrays.items():
            _write_array(file, name, np.asarray(array), compress)
        file.attrs["format_version"] = FORMAT_VERSIONS[kind]
        for name, text in {
            "kind": kind,
            "stage": STAGE_OF[kind],
            "code_version": __version__,
            "settings": settings_json,
            "facts": facts_json,
            "sources": json.dumps(digests, sort_keys=True),
            "digest": digest,
        }.items():
            file.attrs[name] = np.bytes_(text.encode())
    write_whole(path, seal(buffer.getbuffer()))
    whole = {name: np.asarray(array) for name, array in arrays.items()}
    return Stored(path, whole, json.loads(settings_json), json.loads(facts_json), digests, digest, __version__)


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file by way of a private temporary name; raises UserError and leaves the old file where that fails."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")  # a pid is not unique on a shared file system
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into a UserError that names the path."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({reason(error)})", "free or unlock the disk and run again"
        ) from None


def read(path: Path, kind: str) -> Stored:
    """Read a file whole and check it; raises UserError with what to do about a file that will not serve."""
    stage = STAGE_OF[kind]
    with reading(path, f"give a {kind} file, made by `{stage}`", Exception):  # HDF5 has many for a file made by hand
        try:
            handle = outside.opened_whole(path)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file", f"run `{stage}` first") from None
        with handle:  # one handle throughout: another process may remove or replace the file
            return _read(handle, path, kind)


def _read(handle: io.BufferedReader, path: Path, kind: str) -> Stored:
    stage = STAGE_OF[kind]
    remedy = f"remove it and run `{stage}` again"
    sealed = _is_sealed(handle)
    if sealed is None:
        adopted = " or, from weights trained elsewhere, by `adopt`" * (kind == "model")
        raise UserError(f"{path}: not a file of this program", f"give a {kind} file, made by `{stage}`{adopted}")
    if not sealed:
        raise UserError(f"{path}: truncated or damaged", remedy)
    with h5py.File(handle, "r") as file:
        content = Hdf5(file, str(path), outside.size(handle))
        text = {name: content.text(name) for name in LABELS}
        if text["kind"] != kind:
            raise UserError(f"{path}: a {shown(text['kind'])} file", f"give a {kind} file, made by `{stage}`")
        version, known = content.number("format_version"), FORMAT_VERSIONS[kind]
        if version != known:
            raise UserError(f"{path}: has format version {version}, this program reads {known}", remedy)
        arrays = content.read(content.names())
    settings, sources = (table(text, name) for name in ("settings", "sources"))
    lengths = shapes.lengths(kind, arrays)
    return Stored(
        path,
        arrays,
        Facts(settings, path),
        facts_of(text, path),
        sources,
        text["digest"],
        text["code_version"],
        lengths,
    )


def seal(content: memoryview) -> memoryview:
    """Fill the user block of an HDF5 file's content, in place, with the SHA-256 of what follows it."""
    digest = hashlib.sha256(content[USER_BLOCK:]).hexdigest()
    content[:USER_BLOCK] = (SEAL + digest.encode()).ljust(USER_BLOCK, b"\n")
    return content


def _is_sealed(handle: io.BufferedReader) -> bool | None:
    """Whether a file is as it was written; None where it was never one of ours."""
    block = handle.read(USER_BLOCK)
    if not block.startswith(SEAL):
        return None
    return block[len(SEAL) :].strip().decode(errors="replace") == hashlib.file_digest(handle, "sha256").hexdigest()


def without_arrays(stored: Stored) -> Stored:
    """What a file says of itself, for when its results are not needed any more."""
    return replace(stored, arrays={})


def require_source(stored: Stored, name: str, source: Stored) -> None:
    """Check that a file was made from that very source; raises UserError."""
    if stored.sources.get(name) != source.digest:
        raise UserError(f"{stored.path}: was not made from {source.path}", "remove it and make it again from there")
    require_fit(stored, source)


def require_fit(one: Stored, other: Stored, *apart: str) -> None:
    """Check that what two files both have, but for these lengths, is as long in both; raises UserError."""
    for name in sorted((one.lengths.keys() & other.lengths.keys()) - set(apart)):
        if one.lengths[name] != other.lengths[name]:
            counts = f"it has {one.lengths[name]} {name}, {other.path} {other.lengths[name]}"
            raise UserError(f"{one.path}: does not fit ({counts})", "remove both and make them again")


def _write_array(file: h5py.File, name: str, array: np.ndarray, compress: bool) -> None:
    data = np.char.encode(array) if array.dtype.kind == "U" else array
    checked = compress and array.ndim and array.size  # filters need chunks, which scalars and empty arrays cannot have
    filters = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True} if checked else {}
    file.create_dataset(name, data=data, **filters)


def _digest(kind: str, arrays: Arrays, settings_json: str, digests: Mapping[str, str]) -> str:
    digest = hashlib.sha256(
        json.dumps([kind, FORMAT_VERSIONS[kind], settings_json, dict(digests)], sort_keys=True).encode()
    )
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
