"""The calls of a program's graph, each of an operation that is known here, with its arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch._decomp  # what recurrent operations are made of
from torch import Tensor
from torch._ops import OpOverload

from ..errors import UserError, shown
from ..files import exported
from .operations import RECURRENT, operation

PLAIN = {"as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string"}
SYMBOLIC = {"as_sym_int", "as_sym_ints", "as_sym_float", "as_sym_floats", "as_sym_bool", "as_sym_bools"}
PRESERVE = 4  # one of the formats in memory, which change no number
ONE_IMAGE = (
    "export it for one image and without dynamic_shapes, torch.export.export(network, (torch.zeros(1, C, H, W),)), or "
    "torch.zeros(1, D) for a vector"
)
EVALUATION = "call network.eval() before exporting it"


@dataclass(frozen=True)
class _Name:
    """Of a tensor, in its place."""

    name: str


class _Device:
    """The image's, in its place, whatever the graph says: where shapes alone are tried, nothing is computed."""


@dataclass(frozen=True)
class Step:
    """operation(**arguments), whose results have names; arguments that are tensors are names as well."""

    operation: OpOverload
    arguments: dict[str, Any]
    results: tuple[str, ...]

    def run(self, values: dict[str, Tensor], image: Tensor) -> None:
        """Adds the results to the values by name. What is made of no tensor is made an image's own, of its type, which
        others of the image may be written into where several are differentiated at once."""
        filled = {name: _filled(argument, values, image) for name, argument in self.arguments.items()}
        name = self.operation.overloadpacket.__name__
        if name in RECURRENT:  # which are differentiated for one image only
            found = self.operation.decompose(**filled)
        elif name in CHECKED:
            found = CHECKED[name](**filled)
        else:
            found = self.operation(**filled)
        results = list(found) if isinstance(found, tuple | list) else [found]
        if not any(map(_holds_a_tensor, filled.values())):
            results = [image.new_zeros(made.shape, dtype=_type_of(made, image)) + made for made in results]
        values.update(zip(self.results, results, strict=True))


def step(node: Mapping[str, Any]) -> Step:
    called = operation(node["target"])
    arguments = {given["name"]: _argument(given["arg"]) for given in node["inputs"]}
    if any(taken.name == "device" for taken in called._schema.arguments):
        arguments["device"] = _Device
    is_training = arguments.get("training", arguments.get("train")) is True
    if is_training and arguments.get("running_mean", True) is not None:  # else it normalises by an image's own numbers
        raise UserError(f"runs {called.name()} as in training", EVALUATION)
    results = [result[kind] for result in node["outputs"] for kind in result]
    names = [item["name"] for found in results for item in (found if isinstance(found, list) else [found])]
    return Step(called, arguments, tuple(names))


def _argument(given: Mapping[str, Any]) -> Any:
    ((kind, value),) = given.items()
    if kind in PLAIN:
        return value
    if kind == "as_none":
        return None
    if kind == "as_device":
        return _Device
    if kind == "as_layout" and value == exported.STRIDED:
        return torch.strided
    if kind == "as_memory_format":
        return torch.preserve_format if value == PRESERVE else torch.contiguous_format
    if kind == "as_scalar_type":
        return torch.float64 if exported.DTYPES[value].is_floating_point else exported.DTYPES[value]
    if kind == "as_tensor":
        return _Name(value["name"])
    if kind in ("as_tensors", "as_optional_tensors"):
        return [_argument(item if kind == "as_optional_tensors" else {"as_tensor": item}) for item in value]
    if kind in SYMBOLIC:
        raise UserError("is made for images of several sizes or numbers", ONE_IMAGE)
    raise UserError(f"gives an operation an argument of kind {shown(kind)}", "write the network with common layers")


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    return v * (g / torch.norm_except_dim(v, 2, dim))


def _batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    found = torch.batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps, False)
    return found, input.new_zeros(0), input.new_zeros(0)


CHECKED: dict[str, Callable[..., Any]] = {  # instead of operations that read beyond their arguments
    "_weight_norm": _weight_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
}


def _type_of(made: Tensor, image: Tensor) -> torch.dtype:
    return image.dtype if made.is_floating_point() else made.dtype


def _holds_a_tensor(argument: Any) -> bool:
    return isinstance(argument, Tensor) or (isinstance(argument, list) and any(map(_holds_a_tensor, argument)))


def _filled(argument: Any, values: Mapping[str, Tensor], image: Tensor) -> Any:
    if isinstance(argument, list):
        return [_filled(item, values, image) for item in argument]
    if argument is _Device:
        return image.device
    return values[argument.name] if isinstance(argument, _Name) else argument
