"""Programs that torch.export saved, .pt2: a graph as JSON, and tensors as plain bytes.

torch.export.load unpickles what a file asks it to, and calls functions by whatever names it gives. Here a file is read
as data, and what is pickled in it, its sample inputs for one, is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from ..errors import UserError, shown
from . import archives, outside
from .outside import reading

REMEDY = "export the network and save it with torch.export.save, in PyTorch 2.9 or later"
GRAPH = "models/model.json"
TENSORS = (
    ("data/weights/", "model_weights_config.json"),
    ("data/constants/", "model_constants_config.json"),
)
DTYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64,
    6: torch.float16, 7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
STRIDED = 7  # the one layout of plain numbers


@dataclass(frozen=True)
class Exported:
    """graph, signature: what torch.export's JSON says of them, unchecked; tensors: parameters, buffers and constants by
    name; trainable: which of them training changed."""

    graph: dict[str, Any]
    signature: dict[str, Any]
    tensors: dict[str, Tensor]
    trainable: frozenset[str]


def read(path: Path) -> Exported:
    """Raises UserError naming the file and the defect."""
    with reading(path, REMEDY), outside.opened_whole(path) as handle:
        try:
            archive, members = archives.members(handle)
            outside.require_room(path, "its members", sum(member.file_size for member in members))
            found = {member.filename.partition("/")[2]: member.filename for member in members}
            if GRAPH not in found:
                raise UserError(f"{path}: {_other_kind(found)}", REMEDY)
            module = _json(archive, found[GRAPH])["graph_module"]
            tensors, trainable = {}, set()
            for folder, index in TENSORS:
                for name, tensor, learns in _tensors(archive, found, folder, index, path):
                    tensors[name] = tensor
                    trainable |= {name} if learns else set()
            return Exported(module["graph"], module["signature"], tensors, frozenset(trainable))
        except UserError:
            raise
        except Exception as error:  # zipfile, json and PyTorch each have their own for a file that is none
            problem = f"no program of torch.export, or truncated ({type(error).__name__})"
            raise UserError(f"{path}: {problem}", REMEDY) from None


def _other_kind(found: Mapping[str, str]) -> str:
    """What an archive is that has no graph where torch.export puts it."""
    if "constants.pkl" in found:
        return "a TorchScript archive, which holds code"
    if "data.pkl" in found:
        return "a checkpoint of weights, without the network that they belong to"
    return "no program of torch.export, or one of an older PyTorch"


def _json(archive: ZipFile, member: str) -> Any:
    return json.loads(archive.read(member))


def _tensors(
    archive: ZipFile, found: Mapping[str, str], folder: str, index: str, path: Path
) -> Iterator[tuple[str, Tensor, bool]]:
    """The tensors that an index lists, by name, and whether training changed them."""
    for name, entry in _json(archive, found[folder + index])["config"].items():
        if entry["use_pickle"]:
            problem = f"{shown(name)} is pickled, and reading that could run code of its author's"
            raise UserError(f"{path}: {problem}", "give the network plain tensors, and export it again")
        layout = entry["tensor_meta"]
        tensor = _tensor(archive.read(found[folder + entry["path_name"]]), layout)
        yield name, tensor, bool(entry["is_param"] and layout["requires_grad"] and tensor.is_floating_point())


def _tensor(content: bytes, layout: Mapping[str, Any]) -> Tensor:
    """The tensor of a storage's bytes; raises ValueError, or whatever PyTorch makes of a layout that is none."""
    dtype = DTYPES[layout["dtype"]]
    size, strides = ([number["as_int"] for number in layout[name]] for name in ("sizes", "strides"))
    if layout["layout"] != STRIDED or min(size, default=1) < 0 or prod(size) * dtype.itemsize > len(content):
        raise ValueError("a tensor claims more than it stores")
    if not prod(size):
        return torch.empty(size, dtype=dtype)
    numbers = torch.frombuffer(bytearray(content), dtype=dtype)
    return numbers.as_strided(size, strides, layout["storage_offset"]["as_int"]).clone()
