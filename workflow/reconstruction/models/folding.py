"""What folds into linear layers and leaves the outputs as they are: batch normalisation, a second output, the order of
the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..configuration.models import BatchNormalisation
from ..errors import UserError
from .layers import Linear
from .ordering import Key, natural

STATISTICS = ("running_mean", "running_var")
BEFORE, AFTER = "before-activation", "after-activation"


@dataclass(frozen=True)
class BatchNorm:
    """In evaluation mode: x becomes scale * x + shift, both (size,); parts: the names of its tensors."""

    name: str
    scale: Tensor
    shift: Tensor
    parts: tuple[str, ...]


def batch_norms(tensors: Mapping[str, Tensor], eps: float) -> list[BatchNorm]:
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
        deviation = (var.double() + eps).sqrt()
        scale = own.get("weight", torch.ones_like(mean)).double() / deviation
        shift = own.get("bias", torch.zeros_like(mean)).double() - mean.double() * scale
        found.append(BatchNorm(module, scale, shift, tuple(names[key] for key in own)))
    return found


def fold(
    norms: Sequence[BatchNorm], layers: Sequence[Linear], settings: BatchNormalisation, path: Path
) -> tuple[list[Linear], list[str]]:
    """The layers with each normalisation folded into the one before it or, where the activation or nothing stands
    before it, into the one after it; and what to say of each. Raises UserError where its layers cannot be told."""
    found, placed = list(layers), list(zip(norms, _places(norms, layers, settings.place, path), strict=True))
    for norm, place in placed:
        if not place.is_after:
            found[place.gap - 1] = _on_outputs(found[place.gap - 1], norm)
    for norm, place in reversed(placed):
        if place.is_after:
            found[place.gap] = _on_inputs(found[place.gap], norm)
    return found, [_note(norm, place, layers, settings.eps) for norm, place in placed]


def _on_outputs(layer: Linear, norm: BatchNorm) -> Linear:
    bias = norm.shift if layer.bias is None else layer.bias * norm.scale + norm.shift
    return _folded(layer, norm, layer.weight * norm.scale[:, None], bias)


def _on_inputs(layer: Linear, norm: BatchNorm) -> Linear:
    shift = layer.weight.double() @ norm.shift
    return _folded(layer, norm, layer.weight * norm.scale, shift if layer.bias is None else layer.bias + shift)


def _folded(layer: Linear, norm: BatchNorm, weight: Tensor, bias: Tensor) -> Linear:
    name = f"{norm.name} folded into {layer.name}"
    return replace(layer, weight=weight.float(), bias_name=name, bias=bias.float())


@dataclass(frozen=True)
class Place:
    """gap: how many layers stand before a normalisation; is_after: whether their last activation does, too."""

    gap: int
    is_after: bool
    is_certain: bool = True


def _places(norms: Sequence[BatchNorm], layers: Sequence[Linear], asked: str, path: Path) -> list[Place]:
    """Where each stands: by the numbers of modules in one container, else beside a layer of its own number, else where
    its size alone fits. All follow the layers of their numbers, unless more of them fit before these."""
    widths = [layers[0].weight.shape[1], *(len(layer.weight) for layer in layers)]
    fitting = [[gap for gap, width in enumerate(widths) if width == len(norm.scale)] for norm in norms]
    follow, precede = (
        [
            [gap for gap in gaps if 0 <= gap - step < len(layers) and _share_a_number(norm, layers[gap - step])]
            for norm, gaps in zip(norms, fitting, strict=True)
        ]
        for step in (1, 0)
    )
    numbered = max(follow, precede, key=lambda found: sum(map(bool, found)))
    return [
        _place(norm, layers, by_number, by_size, asked, path)
        for norm, by_number, by_size in zip(norms, numbered, fitting, strict=True)
    ]


def _share_a_number(norm: BatchNorm, layer: Linear) -> bool:
    numbers = natural(norm.name)[1::2]
    return bool(numbers) and numbers[-1:] == natural(layer.name)[1::2][-1:]


def _place(
    norm: BatchNorm, layers: Sequence[Linear], by_number: list[int], by_size: list[int], asked: str, path: Path
) -> Place:
    steps = _steps(norm, layers)
    if steps:
        gaps = [
            gap for gap in by_size if gap == max((k + 1 for k, step in steps.items() if step > 0), default=min(steps))
        ]
    else:
        hidden = [gap for gap in by_size if 0 < gap < len(layers)]
        gaps = next((found for found in (by_number, hidden, by_size) if len(found) == 1), [])
    if not gaps:
        raise UserError(
            f"{path}: {norm.name} is a batch normalisation of {len(norm.scale)} numbers whose place among the layers "
            "cannot be told",
            "fold it into the linear layer beside it, and save that",
        )
    (gap,) = gaps
    if gap in (0, len(layers)):
        return Place(gap, gap == 0)
    if asked != "auto":
        return Place(gap, asked == AFTER)
    before, after = (None if step is None else abs(step) > 1 for step in (steps.get(gap - 1), steps.get(gap)))
    is_component = norm.name.rpartition(".")[2].isdigit()
    return Place(
        gap, bool(before) or (before, after) == (None, False), is_component and {before, after} == {True, False}
    )


def _steps(norm: BatchNorm, layers: Sequence[Linear]) -> dict[int, int]:
    """How many modules after each layer of its container a normalisation comes, as their numbers tell."""
    own, modules = natural(norm.name), [natural(layer.name.rpartition(".")[0]) for layer in layers]
    if own[-1] != "":
        return {}
    return {
        place: _number(own) - _number(module)
        for place, module in enumerate(modules)
        if len(module) == len(own) and (module[:-2], module[-1]) == (own[:-2], own[-1])
    }


def _number(key: Key) -> int:
    return int(key[-2][1] or 0)


def _note(norm: BatchNorm, place: Place, layers: Sequence[Linear], eps: float) -> str:
    into = layers[place.gap - (not place.is_after)].name
    warning = of_a_guess = ""
    if not place.is_certain:
        taken, other = ("after", BEFORE) if place.is_after else ("before", AFTER)
        activation = f"the activation that follows {layers[place.gap - 1].name}"
        warning = "warning: "
        of_a_guess = f" as if it stood {taken} {activation} (if it does not, set `batch_norm.place: {other}`)"
    return (
        f"{warning}the batch normalisation {norm.name} is folded into {into}{of_a_guess}, which "
        f"leaves the outputs as they are (with an eps of {eps:g}, or of another under `batch_norm.eps`) but not what "
        "weights training led to: the attack may find less"
    )


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
