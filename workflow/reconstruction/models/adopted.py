"""Weights from outside: files of named tensors, and the MLP that is found in them.

No file is unpickled: PyTorch's restricted loader reads tensors and plain values, and what it refuses stays refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
from torch import Tensor

from ..configuration import AdoptedModel
from ..errors import UserError
from ..files import npy, outside
from ..files.outside import reading
from ..files.tensors import REMEDY, plain, read_pytorch, read_safetensors
from . import deployed
from .activations import Activation, activation_of
from .checkpoints import files_of, flatten, listing, network_in, networks
from .folding import batch_norms, channels_first, fold, one_output
from .layers import (
    Linear,
    class_weights,
    find_layers,
    has_numbers,
    linears,
    named_layers,
    refuse_convolutions,
    refuse_left_over,
)
from .mlp import Network
from .ordering import natural
from .plausibility import dead_layer
from .regression import Regression

SMALLEST_STD = 1e-6
LATER_BIASES = (
    "biases beyond the first layer make the network homogeneous only in part: training alone need not end where the "
    "attack's equations hold, which include the biases' own, and what is not found tells less"
)
NOT_HOMOGENEOUS = (
    "{activation} networks are not homogeneous: the attack's equations hold where weight decay has brought one to "
    "rest, training alone need not end there, and what is not found tells less"
)


@dataclass(frozen=True)
class Adopted:
    """mean: (C, H, W); std: (C or 1, 1, 1); of vectors (D,) and (D or 1,); notes: what was made of the file."""

    network: Network
    mean: np.ndarray
    std: np.ndarray
    notes: tuple[str, ...] = ()


def read(settings: AdoptedModel) -> Adopted:
    """Raises UserError where the file holds no network that the attack knows."""
    path = Path(settings.weights)
    if settings.input_shape is None:
        model = deployed.read(path)
        _check_it_lives(model.network, path)
        return Adopted(model.network, model.mean, model.std)
    shape = tuple(settings.input_shape)
    network, notes = _read_network(settings, shape, path)
    _check_it_lives(network, path)
    mean = _of_file(settings.mean, "mean", shape) if isinstance(settings.mean, str) else _spread(settings.mean, shape)
    std = _of_file(settings.std, "std", shape) if isinstance(settings.std, str) else _flat(settings.std, shape)
    if not mean.any() and (std == 1).all():
        what = "vectors go in as they are" if len(shape) == 1 else "images go in as they are, from 0 to 1"
        notes.append(
            f"warning: neither mean nor std is given, so {what} (mean 0, std 1); if the network saw them less a "
            "mean or over a std, set mean and std of the model"
        )
    return Adopted(network, mean, std, tuple(notes))


def _read_network(settings: AdoptedModel, shape: tuple[int, ...], path: Path) -> tuple[Network, list[str]]:
    """The network, and what was made of the file."""
    everything, notes, size = read_tensors(path), [], prod(shape)
    if settings.layers is None:
        tensors = network_in(everything, settings.entry, size, path)
        refuse_convolutions(everything if settings.entry is None else tensors, path)
        layers = find_layers(tensors, size, ".safetensors" not in path.name.lower(), path)
    else:
        tensors = everything if settings.entry is None else network_in(everything, settings.entry, size, path)
        layers = named_layers(settings.layers, tensors, path)
    used = {name for layer in layers for name in (layer.weight, layer.bias) if name is not None}
    if settings.layers is not None:
        tensors = next((part for part in networks(tensors, size).values() if used <= part.keys()), tensors)
    found = linears(layers, tensors, shape, path)
    norms = batch_norms(tensors, settings.batch_norm.eps)
    used |= {part for norm in norms for part in norm.parts}
    for name in class_weights(used, tensors, found):
        used.add(name)
        notes.append(f"{name} is taken for the weights of the classes in a loss, which the outputs do not depend on")
    refuse_left_over(used, everything if settings.layers is None and settings.entry is None else tensors, path)
    unread = {name: tensor for name, tensor in everything.items() if name not in used and has_numbers(tensor)}
    if passed := [name for name, tensor in unread.items() if tensor.dim() or not name.startswith("callbacks.")]:
        notes.append(f"passed over: {listing({name: everything[name] for name in passed})}")
    found, of_norms = fold(norms, found, settings.batch_norm, path)
    notes += of_norms
    regression = Regression.of(settings.loss)
    if regression and len(found[-1].weight) > 1:
        raise UserError(
            f"{path}: the network has {len(found[-1].weight)} outputs, and of a regression one is read",
            "leave out loss if it tells classes, or give the weights of one output",
        )
    if len(found[-1].weight) == 2:
        found = one_output(found)
        notes.append("the two outputs are reduced to one, (w_1 - w_0) / sqrt 2, positive for the second class")
    elif len(found[-1].weight) > 2:
        notes.append(f"the {len(found[-1].weight)} outputs are read as those of as many classes under cross entropy")
    activation = activation_of(settings.activation, settings.negative_slope)
    network = replace(network_of(found, path, activation), regression=regression)
    if network.later_biases:
        notes.append(LATER_BIASES)
    if not network.activation.is_homogeneous:
        notes.append(NOT_HOMOGENEOUS.format(activation=network.activation))
    if settings.input_order == "HWC":
        network = network.with_first_layer(channels_first(network.weights[0], shape))
    return network, notes


def _flat(value: float | list[float], shape: tuple[int, ...]) -> np.ndarray:
    """A number, or one for each channel or coordinate, with as many axes as the shape."""
    return np.asarray(value, np.float32).reshape(-1, *(1,) * (len(shape) - 1))


def _spread(value: float | list[float], shape: tuple[int, ...]) -> np.ndarray:
    """The same for every pixel."""
    return np.broadcast_to(_flat(value, shape), shape).copy()


def _of_file(file: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The mean image (C, H, W), or the mean or std of vectors (D,), of an NPY file."""
    path, of_vectors = Path(file), len(shape) == 1
    what = f"the {name} of vectors" if of_vectors else "the mean image"
    with reading(path, "write it as NPY, with numpy.save", Exception), outside.opened(path) as handle:
        found = npy.read(handle, outside.size(handle), what)
    if found.shape not in (shape, shape[1:] if not of_vectors and shape[0] == 1 else shape):
        raise UserError(f"{path}: {what} has shape {found.shape}", f"input_shape is {shape}")
    if found.dtype.kind != "f" or not np.isfinite(found).all():
        raise UserError(f"{path}: {what} is not of finite floats", "save it so")
    if not of_vectors and (found.min() < 0 or found.max() > 1):
        raise UserError(f"{path}: {what} is not of floats from 0 to 1", "scale it as the pixels are")
    if name == "std" and found.min() < SMALLEST_STD:
        raise UserError(f"{path}: {what} has a number below {SMALLEST_STD}", "set 1 where a coordinate does not vary")
    return found.reshape(shape).astype(np.float32)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file, in its order; those of a .safetensors file, which has none, by their names.

    Raises UserError naming the file and the defect.
    """
    tensors: dict[str, Tensor] = {}
    for file in files_of(path):
        is_safe = file.suffix.lower() == ".safetensors"
        tensors |= _read_safetensors(file) if is_safe else _read_pytorch(file)
    if not tensors:
        raise UserError(f"{path}: holds no named tensors", REMEDY)
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    return dict(sorted(read_safetensors(path).items(), key=lambda item: natural(item[0])))


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    content = read_pytorch(path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds a {type(content).__name__}, not tensors by name", REMEDY)
    return plain(flatten(content), path)


def network_of(layers: Sequence[Linear], path: Path, activation: Activation) -> Network:
    """The float32 network of the layers; a bias that is zero throughout counts as none.

    Raises UserError naming the file, the tensor and the defect.
    """
    for layer in layers:
        for name, part in ((layer.name, layer.weight), (layer.bias_name, layer.bias)):
            if part is not None and not part.isfinite().all():
                raise UserError(f"{path}: {name} has a number that is no finite float32", "train the model again")
    biases = [layer.bias if layer.bias is not None and layer.bias.any() else None for layer in layers]
    network = Network.of([layer.weight for layer in layers], biases, activation)
    return network.map(lambda parameter: parameter.contiguous())


def _check_it_lives(network: Network, path: Path) -> None:
    """Raises UserError where the output is the same whatever the input."""
    layer = dead_layer(network)
    if layer is not None:
        raise UserError(
            f"{path}: layer {layer} of {network} is zero wherever the input reaches it, so that every input gives the "
            "same output and nothing is in the weights",
            "train the model again",
        )
