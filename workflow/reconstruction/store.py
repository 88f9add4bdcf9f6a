"""HDF5 files as the contract between stages: whole or absent, checksummed, self-describing, versioned.

A file carries its kind and stage, the format and code versions, the settings that made it (JSON), the digests of
the files it was made from, and a digest of its own contents. Data sets are compressed and carry a
fletcher32 checksum each. A file appears by an atomic rename, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from . import __version__
from .errors import UserError

FORMAT_VERSION = 1
FORMAT_NAME = "reconstruction"

# Each kind of file and the stage that makes it.
STAGE_OF = {
    "subset": "subset",
    "model": "train",
    "training": "train",
    "shard": "reconstruct",
    "candidates": "deduplicate",
    "evaluation": "evaluate",
}

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Stored:
    """A file that was read whole and found sound."""

    path: Path
    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]
    facts: dict[str, Any]
    sources: dict[str, str]
    digest: str

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


def write(
    path: Path,
    kind: str,
    arrays: Arrays,
    *,
    settings_json: str,
    facts: Mapping[str, Any] | None = None,
    sources: Mapping[str, Stored] | None = None,
) -> None:
    """Write a file whole; raises UserError where the disk refuses.

    arrays: by name, '/' making groups; numbers, booleans, or str as object arrays.
    facts: scalars and lists that JSON can hold, such as the device and the seconds taken. They are
    no part of the digest: the same results have the same digest wherever they were made.
    sources: the files that this one was made from; their digests are kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    digests = {name: source.digest for name, source in (sources or {}).items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(temporary, "w") as file:
            for name, array in arrays.items():
                _write_array(file, name, np.asarray(array))
            file.attrs["format"] = FORMAT_NAME
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["kind"] = kind
            file.attrs["stage"] = STAGE_OF[kind]
            file.attrs["code_version"] = __version__
            file.attrs["settings"] = settings_json
            file.attrs["facts"] = json.dumps(dict(facts or {}), sort_keys=True)
            file.attrs["sources"] = json.dumps(digests, sort_keys=True)
            file.attrs["digest"] = _digest(kind, arrays, settings_json, digests)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:  # h5py raises RuntimeError where a close finds the disk full
        raise UserError(
            f"{path}: cannot be written ({_reason(error)}); free or unlock the disk and run again"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path, kind: str) -> Stored:
    """Read a file whole and check it; raises UserError with what to do about a file that will not serve."""
    stage = STAGE_OF[kind]
    remedy = f"remove it and run `{stage}` again"
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT_NAME:
                raise UserError(f"{path}: not a file of this program; give a {kind} file, made by `{stage}`")
            if file.attrs.get("kind") != kind:
                raise UserError(f"{path}: a {file.attrs.get('kind')} file; give a {kind} file, made by `{stage}`")
            version = file.attrs.get("format_version")
            if version != FORMAT_VERSION:
                raise UserError(f"{path}: has format version {version}, this program reads {FORMAT_VERSION}; {remedy}")
            arrays: dict[str, np.ndarray] = {}

            def visit(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    arrays[name] = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]

            file.visititems(visit)
            settings, facts, sources, digest = (
                str(file.attrs[key]) for key in ("settings", "facts", "sources", "digest")
            )
        if digest != _digest(kind, arrays, settings, json.loads(sources)):
            raise UserError(f"{path}: damaged, its contents do not match its digest; {remedy}")
        return Stored(path, arrays, json.loads(settings), json.loads(facts), json.loads(sources), digest)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `{stage}` first") from None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: not a whole HDF5 file ({_reason(error)}); {remedy}") from None


def require_source(stored: Stored, name: str, source: Stored) -> None:
    """Check that a file was made from that very source; raises UserError."""
    if stored.sources.get(name) != source.digest:
        raise UserError(f"{stored.path}: was not made from {source.path}; remove it and make it again from there")


def _write_array(file: h5py.File, name: str, array: np.ndarray) -> None:
    text = array.dtype.kind in "OU"
    dtype = h5py.string_dtype() if text else array.dtype
    filters = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.ndim and array.size else {}
    checksum = {"fletcher32": True} if filters and not text else {}  # variable-length text takes no checksum
    file.create_dataset(name, data=array.astype(object) if text else array, dtype=dtype, **filters, **checksum)


def _digest(kind: str, arrays: Arrays, settings_json: str, digests: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps([kind, FORMAT_VERSION, settings_json, dict(digests)], sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        text = array.dtype.kind in "OU"
        dtype = "text" if text else array.dtype.str
        digest.update(json.dumps([name, dtype, array.shape]).encode())
        digest.update(json.dumps(array.tolist()).encode() if text else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return " ".join(str(error).split()) or type(error).__name__
