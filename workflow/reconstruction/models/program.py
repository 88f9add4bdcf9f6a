"""A network that is given as a program: any that PyTorch can differentiate, as torch.export saved it.

Its graph is a list of calls, each of an operation that is known here; nothing else of the file is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..errors import UserError, reason, shown
from ..files import exported
from ..machine.devices import require_memory
from .calls import EVALUATION, ONE_IMAGE, Step, step
from .family import Family
from .softmax import family_of

ENDING = ".pt2"
MOVING = {"squeeze", "flatten", "view", "reshape", "select", "slice", "clamp", "clone", "contiguous", "alias"}
KEPT = 4  # numbers that differentiating keeps of one that the network makes
PLAIN_TENSORS = "give the network plain tensors, and export it again"
KINDS = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


@dataclass(frozen=True)
class Program:
    """parameters: what training changed, by name; fixed: buffers, constants and frozen parameters; names: the tensor
    behind each of the graph's inputs but the image; all of floating point are float64. image_shape: (C, H, W), or (D,)
    of vectors; values: how many numbers the graph makes of an image."""

    steps: tuple[Step, ...]
    parameters: dict[str, Tensor]
    fixed: dict[str, Tensor]
    names: dict[str, str]
    image: str
    output: str
    image_shape: tuple[int, ...]
    family: Family
    values: int

    @property
    def gives_probabilities(self) -> bool:
        """Whether softmax or a sigmoid is its last step but for those in MOVING, or its outputs for two random images
        add up to one."""
        called = [each.operation.overloadpacket.__name__ for each in self.steps]
        last = next((name for name in reversed(called) if name not in MOVING), "")
        if last.startswith(("sigmoid", "softmax", "_softmax")):
            return True
        images = torch.rand(2, *self.image_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            found = torch.stack([self.outputs({}, image) for image in images])
        adds_up = torch.allclose(found.sum(1), torch.ones(2).double(), atol=1e-9)
        return self.family.outputs > 1 and bool((found >= 0).all()) and adds_up

    def bytes_to_differentiate(self, width: int) -> int:
        """What an image takes, by so many parameters."""
        return 8 * (KEPT * self.values + 2 * width)

    def outputs(self, parameters: Mapping[str, Tensor], image: Tensor) -> Tensor:
        """Phi (C,) of an image (C, H, W) or vector (D,), float64, with parameters in the place of the program's own."""
        tensors = {**self.fixed, **self.parameters, **parameters}
        values = {name: tensors[tensor] for name, tensor in self.names.items()}
        values[self.image] = image[None].clone()
        with sdpa_kernel(SDPBackend.MATH):  # of attention, the one that is differentiated for several images at once
            for each in self.steps:
                each.run(values, values[self.image])
        return values[self.output].flatten()


def read(path: Path) -> Program:
    """Raises UserError naming the file and the defect."""
    content = exported.read(path)
    try:
        found = _program(content)
    except UserError as error:
        raise UserError(f"{path}: {error.problem}", error.remedy) from None
    except Exception as error:  # of a graph that is none, and PyTorch's of shapes that do not fit
        problem = f"its graph is not as torch.export writes it, or cannot be run ({reason(error)})"
        raise UserError(f"{path}: {problem}", exported.REMEDY) from None
    _try_gradients(found, path)
    return found


def _try_gradients(program: Program, path: Path) -> None:
    """Raises UserError where two images cannot be differentiated at once."""
    needed = 2 * program.bytes_to_differentiate(sum(parameter.numel() for parameter in program.parameters.values()))
    require_memory(needed, f"{path}: to differentiate it", "use a machine with more memory")

    def total(parameters: dict[str, Tensor], image: Tensor) -> Tensor:
        return program.outputs(parameters, image).sum()

    try:
        vmap(grad(total), in_dims=(None, 0))(program.parameters, torch.zeros(2, *program.image_shape).double())
    except Exception as error:  # an index beyond a tensor is none of PyTorch's RuntimeErrors
        problem = f"cannot be differentiated for several images at once ({reason(error)})"
        raise UserError(f"{path}: {problem}", "write the network with common layers") from None


def _program(content: exported.Exported) -> Program:
    graph = content.graph
    names, image = _inputs(content.signature["input_specs"])
    output = _output(content.signature["output_specs"])
    steps = tuple(step(node) for node in graph["nodes"] if node["outputs"])  # the others only assert
    shape = [size.get("as_int") for size in graph["tensor_values"][image]["sizes"]]
    if len(shape) not in (2, 4) or shape[0] != 1 or None in shape:
        sizes = " x ".join("?" if size is None else str(size) for size in shape)
        raise UserError(f"takes an input of shape {sizes}", ONE_IMAGE)
    tensors = {name: _double(content.tensors[name]) for name in names.values()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise UserError(f"{shown(name)} has a number that is not finite", "train the model again")
    parameters = {name: tensor for name, tensor in tensors.items() if name in content.trainable and tensor.numel()}
    if not parameters:
        raise UserError("has no parameters that were trained", "leave requires_grad as it was in training")
    fixed = {name: tensor for name, tensor in tensors.items() if name not in parameters}
    known = {name: tensors[tensor] for name, tensor in names.items()}
    outputs, values = _tried(steps, known, image, shape, output)
    return Program(steps, parameters, fixed, names, image, output, tuple(shape[1:]), family_of(outputs), values)


def _inputs(specs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], str]:
    """The tensor behind each of the graph's inputs, and which input is the image."""
    names, images = {}, []
    for spec in specs:
        ((kind, found),) = spec.items()
        if kind == "user_input":
            images.append(found["arg"]["as_tensor"]["name"])
        elif kind in KINDS:
            names[found["arg"]["name"]] = found[KINDS[kind]]
        else:
            raise UserError(f"takes an input of kind {shown(kind)}", PLAIN_TENSORS)
    if len(images) != 1:
        raise UserError(f"takes {len(images)} inputs", ONE_IMAGE)
    return names, images[0]


def _output(specs: Sequence[Mapping[str, Any]]) -> str:
    if any("user_output" not in spec for spec in specs):
        raise UserError("changes its own buffers, as a network in training does", EVALUATION)
    if len(specs) != 1:
        raise UserError(f"gives {len(specs)} results", "let it give the classes' outputs alone, (1, classes)")
    name: str = specs[0]["user_output"]["arg"]["as_tensor"]["name"]
    return name


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


class _Counting(TorchDispatchMode):
    """How many numbers were made, those within an operation that is made of others, as attention is, included."""

    made = 0

    def __torch_dispatch__(
        self, called: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = called(*args, **(kwargs or {}))
        if not called.is_view:
            self.made += sum(each.numel() for each in tree_leaves(found) if isinstance(each, Tensor))
        return found


def _tried(
    steps: Sequence[Step], tensors: Mapping[str, Tensor], image: str, shape: Sequence[int], output: str
) -> tuple[int, int]:
    """How many outputs a graph has, and how many numbers it makes; found by shapes alone, without computing one."""
    given = {name: tensor.to("meta") for name, tensor in tensors.items()}
    example = torch.empty(shape, dtype=torch.float64, device="meta")
    values = {**given, image: example}
    with _Counting() as counting:
        for each in steps:
            each.run(values, example)
    if any(tensor._version for tensor in given.values()):
        raise UserError("changes its own buffers, as a network in training does", EVALUATION)
    found = values[output]
    of_one_image = found.dim() < 2 or (found.dim() == 2 and len(found) == 1)  # squeezed outputs are the same
    if not of_one_image or not found.numel() or found.dtype != torch.float64:
        raise UserError(f"gives a result of shape {tuple(found.shape)}", "let it give (1, classes)")
    return found.numel(), counting.made
