"""Named tensors from outside, in safetensors or PyTorch files; pickles are PyTorch's restricted loader's alone."""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ..errors import UserError, shown
from . import archives, outside
from .outside import reading

REMEDY = "save the weights alone with torch.save(model.state_dict(), ...)"
NUMBERS = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip
LONGEST_HEADER = 100 * 2**20  # bytes of a safetensors file's, as its library has it
MOST_IN_A_TUPLE = 1_000
LEGACY = 5  # pickles in a file of PyTorch before 1.6: three of the format, the content, the names of its storages


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; raises UserError."""
    import safetensors.torch

    with reading(path, "copy it again", OSError), outside.opened_whole(path) as handle:
        header = int.from_bytes(handle.read(8), "little")
        if not 0 < header <= min(LONGEST_HEADER, outside.size(handle) - 8):
            raise UserError(f"{path}: no safetensors file, or truncated", "copy it again")
        handle.seek(0)
        content = handle.read()
    try:
        return plain(safetensors.torch.load(content), path)
    except KeyError as error:  # the library knows more types than PyTorch
        raise UserError(f"{path}: has a tensor of type {shown(str(error.args[0]))}", "save it as float32") from None
    except UserError:
        raise
    except Exception:  # its own, and those of a header that says what cannot be
        raise UserError(f"{path}: no safetensors file, or truncated", "copy it again") from None


def read_pytorch(path: Path) -> Any:
    """What a PyTorch file holds, tensors as they may be (plain tells); raises UserError."""
    with reading(path, "name a file"), outside.opened_whole(path) as handle:
        try:
            _check_pickles(handle)
            handle.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of kinds of tensors that are refused below
                return torch.load(handle, map_location="cpu", weights_only=True)
        except Exception as error:  # zipfile, pickle and PyTorch each have their own for a file that is none
            raise _refusal(path, str(error)) from None


def _refusal(path: Path, said: str) -> UserError:
    """Why a file is refused, by what PyTorch says of it."""
    if "TorchScript" in said:
        remedy = "load it where it is trusted, and save torch.jit.load(file).state_dict()"
        return UserError(f"{path}: a TorchScript archive, which holds code", remedy)
    refused = re.search(r"(?:GLOBAL|class) (\w+\.[\w.]+)", said)
    if refused:
        problem = f"holds more than tensors ({refused[1]}), and reading that could run code of its author's"
        return UserError(f"{path}: {problem}", REMEDY)
    remedy = f"{REMEDY}, or those of another library as .safetensors, matrices as (outputs, inputs)"
    return UserError(f"{path}: no PyTorch checkpoint, or truncated", remedy)


def plain(content: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    """The tensors among named values; raises UserError of one that is not of plain numbers, or not named by a text."""
    tensors = {}
    for name, value in content.items():
        if not isinstance(value, Tensor):
            continue
        if not isinstance(name, str):
            raise UserError(f"{path}: names a tensor by a value of type {type(name).__name__}, not by a text", REMEDY)
        tensor = value.detach()
        if not _is_plain(tensor):
            raise UserError(f"{path}: {shown(name)} has no plain numbers behind its shape", REMEDY)
        if tensor.dtype not in NUMBERS:
            raise UserError(f"{path}: {shown(name)} is of type {tensor.dtype}", "save it as float32")
        tensors[name] = tensor
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor holds a number of its own for every place of its shape: hostile files claim terabytes."""
    if tensor.is_nested or tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided or tensor.is_neg():
        return False
    return tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()


def _check_pickles(handle: IO[bytes]) -> None:
    """Judge all pickles of a PyTorch file; raises ValueError, or whatever libraries make of a damaged file."""
    is_archive = handle.read(len(archives.MAGIC)) == archives.MAGIC
    handle.seek(0)
    if not is_archive:
        for _ in range(LEGACY):
            _check_pickle(handle)
        return
    archive, found = archives.members(handle)
    for member in found:
        if member.filename.endswith(".pkl"):
            with archive.open(member) as stream:
                _check_pickle(stream)


def _check_pickle(stream: IO[bytes]) -> None:
    """Check what a pickle builds before it is built; raises ValueError.

    A tuple may hold one twice that holds another twice, and so on: hashed as a key or written into a message, thirty
    bytes of that take for ever. The stack that the pickle works on is followed with the number of values in place of
    each value.
    """
    stack: list[int] = []
    marks: list[int] = []
    memo: dict[Any, int] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "MARK":
            marks.append(len(stack))
        elif "GET" in opcode.name:
            stack.append(memo[argument])
        elif "PUT" in opcode.name:
            memo[argument] = stack[-1]
        else:
            taken = _taken(opcode, stack, marks)
            stack += [_values(opcode.name, taken)] * len(opcode.stack_after)


def _taken(opcode: pickletools.OpcodeInfo, stack: list[int], marks: list[int]) -> list[int]:
    """What an operation takes off the stack."""
    before = opcode.stack_before
    to_mark = pickletools.markobject in before
    start = (marks.pop() - before.index(pickletools.markobject)) if to_mark else len(stack) - len(before)
    taken = stack[start:]
    del stack[start:]
    return taken


def _values(operation: str, taken: list[int]) -> int:
    """How many values there are in what an operation makes of what it has taken."""
    if operation in ("REDUCE", "NEWOBJ") and taken[0] > 1:
        raise ValueError("it calls what is no function")
    if operation in ("REDUCE", "NEWOBJ") or operation.startswith("TUPLE"):
        if sum(taken) > MOST_IN_A_TUPLE:
            raise ValueError(f"it has a tuple of more than {MOST_IN_A_TUPLE} values")
        return 1 + sum(taken)
    return 1
