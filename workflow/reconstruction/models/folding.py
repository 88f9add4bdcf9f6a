"""What folds into linear layers and leaves the outputs as they are: batch normalisation, a second output, the order of
the inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from .layers import Linear
from .ordering import natural

EPSILON = 1e-5  # PyTorch's default, which a state_dict does not tell
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class BatchNorm:
    """In evaluation mode: x becomes scale * x + shift, both (size,); parts: the names of its tensors."""

    name: str
    scale: Tensor
    shift: Tensor
    parts: tuple[str, ...]


def batch_norms(tensors: Mapping[str, Tensor]) -> list[BatchNorm]:
    """The batch normalisations among named tensors, which are known by their running statistics."""
    found = []
    for name in tensors:
        module, _, part = name.rpartition(".")
        names = {key: f"{module}.{key}" if module else key for key in (*STATISTICS, "weight", "bias")}
        own = {key: tensors[name] for key, name in names.items() if name in tensors}
        mean, var = (own.get(key) for key in STATISTICS)
        if part != STATISTICS[0] or mean is None or var is None:
            continue
        if not all(value.numel() and value.shape == mean.shape and mean.dim() == 1 for value in own.values()):
            continue
        deviation = (var.double() + EPSILON).sqrt()
        scale = own.get("weight", torch.ones_like(mean)).double() / deviation
        shift = own.get("bias", torch.zeros_like(mean)).double() - mean.double() * scale
        found.append(BatchNorm(module, scale, shift, tuple(names[key] for key in own)))
    return found


def fold(norm: BatchNorm, layers: Sequence[Linear], path: Path) -> tuple[list[Linear], str]:
    """The layers with the normalisation folded into the one before it or, where a ReLU or nothing stands before it, the
    one after it; and which. Raises UserError where its place cannot be told."""
    before, place = _place(norm, layers, path)
    layer = layers[place]
    weight = layer.weight.double()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.double()
    if before:
        weight, bias = weight * norm.scale[:, None], bias * norm.scale + norm.shift
    else:
        weight, bias = weight * norm.scale, bias + weight @ norm.shift
    folded = replace(layer, weight=weight.float(), bias_name=f"{norm.name} folded into {layer.name}", bias=bias.float())
    return [*layers[:place], folded, *layers[place + 1 :]], layer.name


def _place(norm: BatchNorm, layers: Sequence[Linear], path: Path) -> tuple[bool, int]:
    """Whether it folds into the layer that it follows, and which layer it folds into.

    Numbers of modules in one container tell: right after a linear layer it normalises that one's outputs, later the
    ReLU's. Elsewhere it is the one of a layer's number, or the only one of a layer's size.
    """
    size, own = len(norm.scale), natural(norm.name)
    modules = [natural(layer.name.rpartition(".")[0]) for layer in layers]
    if len(own) > 1 and own[-1] == "" and all(module[:-2] == own[:-2] for module in modules):
        steps = [_number(own) - _number(module) for module in modules]
        place = sum(step > 0 for step in steps) - 1
        if place >= 0 and steps[place] == 1 and len(layers[place].weight) == size:
            return True, place
        if place + 1 < len(layers) and layers[place + 1].weight.shape[1] == size:
            return False, place + 1
    else:
        fitting = [place for place, layer in enumerate(layers[:-1]) if len(layer.weight) == size]
        numbered = [place for place in fitting if _trailing(norm.name) and _trailing(norm.name) ==
                    _trailing(layers[place].name.rpartition(".")[0])]  # fmt: skip
        if len(numbered or fitting) == 1:
            return True, (numbered or fitting)[0]
    raise UserError(
        f"{path}: {norm.name} is a batch normalisation of {size} numbers whose place among the layers cannot be told",
        "fold it into the linear layer beside it, and save that",
    )


def _number(key: list[str | tuple[int, str]]) -> int:
    return int(key[-2][1] or 0)


def _trailing(name: str) -> str:
    found = re.search(r"\d+$", name)
    return found[0] if found else ""


def one_output(layers: Sequence[Linear]) -> list[Linear]:
    """Two outputs under cross entropy as one that is positive for the second class, (w_1 - w_0) / sqrt 2.

    The stationarity of both rows together is that of this one.
    """
    *hidden, last = layers
    bias = last.bias

    def difference(rows: Tensor) -> Tensor:
        return ((rows[1:].double() - rows[:1].double()) / 2**0.5).float()

    return [*hidden, replace(last, weight=difference(last.weight), bias=None if bias is None else difference(bias))]


def channels_first(weight: Tensor, input_shape: Sequence[int]) -> Tensor:
    """A first layer (units, D) of inputs flattened as H, W, C, as one of inputs flattened as C, H, W."""
    channels, height, width = input_shape
    return weight.view(-1, height, width, channels).permute(0, 3, 1, 2).reshape(len(weight), -1)


def channels_last(weight: Tensor, input_shape: Sequence[int]) -> Tensor:
    """The reverse."""
    return weight.view(-1, *input_shape).permute(0, 2, 3, 1).reshape(len(weight), -1)
