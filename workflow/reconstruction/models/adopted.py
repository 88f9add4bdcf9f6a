"""Weights from outside: a file of named tensors, and the MLP that is found in it.

No file is unpickled: PyTorch's restricted loader reads tensors and plain values, and what it refuses stays refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch import Tensor

from ..configuration import AdoptedModel, Layer
from ..errors import UserError
from ..files import npy, outside
from ..files.outside import reading
from ..files.tensors import REMEDY, plain, read_pytorch, read_safetensors
from . import deployed
from .logistic import LOGISTIC
from .mlp import Network

NESTED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep their tensors


def read(settings: AdoptedModel) -> tuple[Network, np.ndarray, np.ndarray]:
    """The network, its mean image (C, H, W) and std (C or 1, 1, 1); raises UserError."""
    path = Path(settings.weights)
    if settings.input_shape is None:
        model = deployed.read(path)
        return model.network, model.mean, model.std
    tensors = read_tensors(path)
    layers = settings.layers or find_layers(tensors, path)
    shape = tuple(settings.input_shape)
    network = network_of(tensors, layers, shape, path)
    std = np.asarray(settings.std, np.float32).reshape(-1, 1, 1)
    return network, _mean_image(settings, shape), std


def _mean_image(settings: AdoptedModel, shape: tuple[int, ...]) -> np.ndarray:
    """The mean image (C, H, W) that a number, one for each channel, or an NPY file makes."""
    if not isinstance(settings.mean, str):
        return np.broadcast_to(np.asarray(settings.mean, np.float32).reshape(-1, 1, 1), shape).copy()
    path = Path(settings.mean)
    with reading(path, "write it as NPY, with numpy.save", Exception), outside.opened(path) as handle:
        image = npy.read(handle, outside.size(handle), "the mean image")
    if image.shape not in (shape, shape[1:] if shape[0] == 1 else shape):
        raise UserError(f"{path}: the mean image has shape {image.shape}", f"input_shape is {shape}")
    if image.dtype.kind != "f" or not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise UserError(f"{path}: the mean image is not of floats from 0 to 1", "scale it as the pixels are")
    return image.reshape(shape).astype(np.float32)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file, in its order; those of a .safetensors file, which has none, by their names.

    Raises UserError naming the file and the defect.
    """
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pytorch(path)
    if not tensors:
        raise UserError(f"{path}: holds no named tensors", REMEDY)
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    return dict(sorted(read_safetensors(path).items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts 2.weight before 10.weight, however many digits there are."""
    parts = (part.lstrip("0") if part.isdecimal() else part for part in re.split(r"(\d+)", name))
    return [(len(part) if part.isdecimal() else 0, part) for part in parts]


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    content = read_pytorch(path)
    for _ in NESTED:
        if isinstance(content, Mapping):
            content = next((content[key] for key in NESTED if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds a {type(content).__name__}, not tensors by name", REMEDY)
    return plain(content, path)


def find_layers(tensors: Mapping[str, Tensor], path: Path) -> list[Layer]:
    """The layers by the shapes and the order of the tensors: a matrix each, its bias of the same name but the end.

    Raises UserError where a tensor has no place in an MLP.
    """
    layers = []
    for name, tensor in tensors.items():
        if tensor.dim() > 2:
            raise UserError(f"{path}: {name} has shape {_shape(tensor)}: a convolution", "only MLPs can be read")
        if tensor.dim() == 2:
            bias = re.sub(r"weight$", "bias", name)
            layers.append(Layer(weight=name, bias=bias if bias != name and bias in tensors else None))
    named = {name for layer in layers for name in (layer.weight, layer.bias)}
    for name, tensor in tensors.items():
        if name not in named:
            raise UserError(
                f"{path}: {name} of shape {_shape(tensor)} is no weight or bias of an MLP",
                "name the layers under `layers` if its names are odd",
            )
    return layers


def network_of(tensors: Mapping[str, Tensor], layers: list[Layer], input_shape: tuple[int, ...], path: Path) -> Network:
    """The float32 network of the named layers, which must lead from an input of that shape (C, H, W) to one output.

    A bias that is zero throughout counts as none. Raises UserError naming the file, the tensor and the defect.
    """
    for layer in layers:
        for name, dimensions in ((layer.weight, 2), (layer.bias, 1)):
            if name is not None:
                _check_tensor(tensors, name, dimensions, path)
    named = {name for layer in layers for name in (layer.weight, layer.bias)}
    for name, tensor in tensors.items():
        if name not in named and tensor.is_floating_point() and tensor.any():
            raise UserError(f"{path}: {name} is not zero, and no layer names it", "name it under `layers`")
    weights = [tensors[layer.weight] for layer in layers]
    _check_chain(weights, layers, input_shape, path)
    for layer, weight in zip(layers, weights, strict=True):
        if layer.bias is not None and len(tensors[layer.bias]) != len(weight):
            raise UserError(
                f"{path}: {layer.bias} has {len(tensors[layer.bias])} numbers for the {len(weight)} units of "
                f"{layer.weight}",
                "it is no bias of that layer",
            )
    biases = [tensors[layer.bias] if layer.bias and tensors[layer.bias].any() else None for layer in layers]
    for layer, bias in zip(layers[1:], biases[1:], strict=True):
        if bias is not None:
            raise UserError(
                f"{path}: {layer.bias} is not zero: a bias beyond the first layer makes the network non-homogeneous, "
                "which the theory does not cover",
                "train it with bias=False there",
            )
    network = Network(tuple(weights), biases[0]).map(lambda parameter: parameter.float().contiguous())
    names = [*(layer.weight for layer in layers), layers[0].bias]
    for name, parameter in zip(names, network.parameters, strict=False):
        if not parameter.isfinite().all():
            raise UserError(f"{path}: {name} has a weight that is no finite float32", "train the model again")
    return network


def _check_tensor(tensors: Mapping[str, Tensor], name: str, dimensions: int, path: Path) -> None:
    if name not in tensors:
        raise UserError(f"{path}: has no tensor {name!r}, which `layers` names", f"it has {', '.join(tensors)}")
    tensor = tensors[name]
    if not tensor.numel():
        raise UserError(f"{path}: {name} has no plain numbers behind its shape", REMEDY)
    if tensor.dim() != dimensions:
        what = "weight matrix" if dimensions == 2 else "bias"
        raise UserError(f"{path}: {name} has shape {_shape(tensor)}, which is no {what}", "name another under `layers`")
    if not tensor.is_floating_point():
        raise UserError(f"{path}: {name} is {tensor.dtype}", "only floating-point weights serve")


def _check_chain(weights: list[Tensor], layers: list[Layer], input_shape: tuple[int, ...], path: Path) -> None:
    if len(weights) < 2:
        raise UserError(f"{path}: has {len(weights)} layers of weights", "a hidden layer and an output are needed")
    channels, height, width = input_shape
    size = channels * height * width
    if weights[0].shape[1] != size:
        raise UserError(
            f"{path}: {layers[0].weight} takes {weights[0].shape[1]} inputs, and input_shape "
            f"{[channels, height, width]} makes {size}",
            "correct input_shape, or the order under `layers`",
        )
    for (first, before), (second, after) in pairwise(zip(layers, weights, strict=True)):
        if after.shape[1] != len(before):
            raise UserError(
                f"{path}: {second.weight} takes {after.shape[1]} inputs, and {first.weight} before it gives "
                f"{len(before)}",
                "give the layers in their order under `layers`",
            )
    if len(weights[-1]) != LOGISTIC.outputs:
        raise UserError(
            f"{path}: {layers[-1].weight} gives {len(weights[-1])} outputs: multiclass is not supported yet",
            "only one output, whose sign tells two classes apart",
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "()"
