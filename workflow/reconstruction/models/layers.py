"""The linear layers of an MLP among named tensors, in order, and what else the tensors stand for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import prod
from pathlib import Path

from torch import Tensor

from ..configuration import Layer
from ..errors import UserError
from ..files.tensors import REMEDY
from .checkpoints import full_name, listing, matrices, shape
from .ordering import orders

BIAS_OF = ((re.compile(r"weight$"), "bias"), (re.compile(r"(?<![a-zA-Z])[Ww](\d*)$"), r"b\1"))  # a weight's own
PARAMETRISED = re.compile(r"(^|\.)((weight|bias)_(g|v|orig|u|mask)$|parametrizations\.)")
CONVOLUTION = re.compile(r"(weight|kernel)$")
OF_NO_LAYER = re.compile(r"(^|[._])(loss\w*|criterion\w*|metrics?|pos_weight)([._]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Linear:
    """weight: (outputs, inputs) and bias (outputs,) or None, float32, and what they are called."""

    name: str
    weight: Tensor
    bias_name: str | None
    bias: Tensor | None


def find_layers(tensors: Mapping[str, Tensor], size: int, keeps_order: bool, path: Path) -> list[Layer]:
    """The layers by names and shapes: a matrix each, its bias of the same name but the end.

    keeps_order: whether the tensors have an order of their own, which decides where names and shapes do not. Raises
    UserError where nothing decides.
    """
    _refuse_parametrised(tensors, path)
    found = matrices(tensors)
    possible = orders(found, size)
    if not possible and orders({name: tensor.T for name, tensor in found.items()}, size):
        raise UserError(
            f"{path}: its matrices are transposed, (inputs, outputs) ({listing(found)})",
            "save them as PyTorch has them, (outputs, inputs)",
        )
    if len(possible) > 1 and not keeps_order:
        raise UserError(
            f"{path}: the order of {_first_difference(*possible)} cannot be told by their names or shapes",
            "give the layers from first to last under `layers`",
        )
    return [Layer(weight=name, bias=_bias(name, tensors)) for name in (possible[0] if len(possible) == 1 else found)]


def refuse_convolutions(tensors: Mapping[str, Tensor], path: Path) -> None:
    for name, tensor in tensors.items():
        if tensor.dim() > 2 and CONVOLUTION.search(name) and not OF_NO_LAYER.search(name):
            raise UserError(
                f"{path}: {name} has shape {shape(tensor)}: a convolution, and the attack reads MLPs alone",
                "export the network with torch.export and ask `python -m reconstruction membership` for given images, "
                "or name an MLP on top of embeddings under `entry`",
            )


def _refuse_parametrised(names: Iterable[str], path: Path) -> None:
    """Raises UserError where a weight or bias is made up from several tensors, or from one by a function."""
    for name in names:
        if PARAMETRISED.search(name):
            raise UserError(
                f"{path}: {name} is part of a weight or bias that the network makes up from it",
                "remove the parametrisation (torch.nn.utils.parametrize.remove_parametrizations, remove_weight_norm, "
                "remove_spectral_norm or prune.remove) and save again",
            )


def _first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    return next(f"{first} and {second}" for first, second in zip(one, other, strict=True) if first != second)


def _bias(weight: str, tensors: Mapping[str, Tensor]) -> str | None:
    for pattern, name in BIAS_OF:
        bias = pattern.sub(name, weight)
        if bias != weight and bias in tensors:
            return bias
    return None


def named_layers(layers: Sequence[Layer], tensors: Mapping[str, Tensor], path: Path) -> list[Layer]:
    """The layers that a configuration names, by their whole names."""
    found = [
        Layer(
            weight=full_name(layer.weight, tensors, path),
            bias=None if layer.bias is None else full_name(layer.bias, tensors, path),
        )
        for layer in layers
    ]
    _refuse_parametrised((name for layer in found for name in (layer.weight, layer.bias) if name), path)
    return found


def linears(
    layers: Sequence[Layer], tensors: Mapping[str, Tensor], input_shape: Sequence[int], path: Path
) -> list[Linear]:
    """The layers with their numbers, which must lead on from inputs of that shape; raises UserError."""
    for layer in layers:
        for name, dimensions in ((layer.weight, 2), (layer.bias, 1)):
            if name is not None:
                _check_tensor(tensors[name], name, dimensions, path)
    found = []
    for layer in layers:
        weight, bias = tensors[layer.weight], None if layer.bias is None else tensors[layer.bias]
        if bias is not None and len(bias) != len(weight):
            raise UserError(
                f"{path}: {layer.bias} has {len(bias)} numbers for the {len(weight)} units of {layer.weight}",
                "it is no bias of that layer",
            )
        found.append(Linear(layer.weight, weight.float(), layer.bias, None if bias is None else bias.float()))
    _check_chain(found, tensors, input_shape, path)
    return found


def class_weights(used: Set[str], tensors: Mapping[str, Tensor], layers: Sequence[Linear]) -> list[str]:
    """The vectors that can be nothing else than a loss's weights of the classes: alone in their module, which is none
    of a Sequential, none below zero, of as many numbers as there are outputs and as no other layer has."""
    classes, widths = len(layers[-1].weight), {layer.weight.shape[1] for layer in layers}
    if classes == 1 or classes in widths:
        return []
    modules = Counter(name.rpartition(".")[0] for name in tensors)
    alone = {f"{module}.weight" for module, parts in modules.items() if parts == 1 and not module[-1:].isdigit()}
    return [
        name
        for name, tensor in tensors.items()
        if name not in used and name in alone
        if tensor.shape == (classes,) and (tensor >= 0).all()
    ]


def refuse_left_over(used: Set[str], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises UserError where a tensor is left that no layer has a place for, and that is no loss's or a scalar."""
    part = ".".join(_in_common([name.split(".")[:-1] for name in used]))
    for name, tensor in tensors.items():
        if name not in used and not OF_NO_LAYER.search(name) and tensor.dim() and has_numbers(tensor):
            apart = part and not name.startswith(f"{part}.")
            otherwise = (
                f"set `entry: {part}` if that part alone is the network"
                if apart
                else "save the file without it if the outputs do not depend on it"
            )
            raise UserError(
                f"{path}: {name} of shape {shape(tensor)} is no weight or bias of an MLP, and no layer names it "
                f"(the file has {listing(tensors)})",
                f"name it under `layers` if it belongs to a linear layer, or {otherwise}",
            )


def _in_common(names: Sequence[Sequence[str]]) -> list[str]:
    """What all begin with."""
    return [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*names, strict=False))]


def has_numbers(tensor: Tensor) -> bool:
    """Whether a tensor may be weights: it is of floats that are not all zero."""
    return tensor.is_floating_point() and not (tensor.numel() and not tensor.float().any())


def _check_tensor(tensor: Tensor, name: str, dimensions: int, path: Path) -> None:
    if not tensor.numel():
        raise UserError(f"{path}: {name} has no plain numbers behind its shape", REMEDY)
    if tensor.dim() != dimensions:
        what = "weight matrix" if dimensions == 2 else "bias"
        raise UserError(f"{path}: {name} has shape {shape(tensor)}, which is no {what}", "name another under `layers`")
    if not tensor.is_floating_point():
        raise UserError(f"{path}: {name} is {tensor.dtype}", "only floating-point weights serve")


def _check_chain(
    layers: Sequence[Linear], tensors: Mapping[str, Tensor], input_shape: Sequence[int], path: Path
) -> None:
    if len(layers) < 2:
        raise UserError(
            f"{path}: has {len(layers)} layers of weights (the file has {listing(tensors)})",
            "a hidden layer and an output are needed",
        )
    first, size = layers[0], prod(input_shape)
    if first.weight.shape[1] != size:
        raise UserError(
            f"{path}: {first.name} takes {first.weight.shape[1]} inputs, and input_shape "
            f"{list(input_shape)} makes {size} "
            f"(the file has {listing(tensors)})",
            "correct input_shape, or the order under `layers`",
        )
    for before, after in pairwise(layers):
        if after.weight.shape[1] != len(before.weight):
            raise UserError(
                f"{path}: {after.name} takes {after.weight.shape[1]} inputs, and {before.name} before it gives "
                f"{len(before.weight)} (the file has {listing(tensors)})",
                "give the layers in their order under `layers`",
            )
