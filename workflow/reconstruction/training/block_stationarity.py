"""Lambda of a network that is given as a program, with the images fixed, a block of its parameters at a time.

In each block theta_b the images' gradients make up the weights as well as they can,

    min over lambda >= 0 of || (theta_b - sum_i lambda_i grad_b q_i) / s ||^2

where s is the root mean square of the layer that a parameter is of, as in even_lambdas of true_stationarity.py, and an
image's lambda is the mean over the blocks (ImpMIA, Golbari et al. 2025); of a regression it has either sign. So
n x block numbers are in memory at once, however large the network; one that is no larger than a block is solved as a
whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, vmap

from ..machine.blocks import blocks
from ..models.program import Program
from .true_stationarity import gram_nnls, gram_ridge

BLOCK = 150_000  # parameters
AT_ONCE = 2**30  # bytes of gradients that several blocks together may take
BATCH = 2**28  # bytes that the images differentiated at once may take


@dataclass(frozen=True)
class BlockStationarity:
    """lambdas: (n,); unexplained: the share of the squared norm of theta / s that the blocks' sums leave."""

    lambdas: np.ndarray
    unexplained: float


def bytes_for(images: int, program: Program, block: int = BLOCK) -> int:
    """At the peak: the gradients of a pass, the images differentiated at once, float64 matrices (n, n)."""
    passes = _passes(images, program, block)
    kept = max(last - first for first, last in passes)
    width = max(_width(_touched(program, *ends)[0]) for ends in passes)
    at_once = _batch(images, program, width) * program.bytes_to_differentiate(width)
    return 8 * images * (kept + 7 * images + math.prod(program.image_shape)) + at_once


def block_stationarity(program: Program, images: Tensor, labels: Tensor, block: int = BLOCK) -> BlockStationarity:
    """images: (n, C, H, W), or vectors (n, D), and labels (n,) of the program's family, both float64."""
    scale = _even(program)
    theta = scale * torch.cat([parameter.flatten() for parameter in program.parameters.values()])
    solve = gram_nnls if program.family.lambda_has_a_sign else gram_ridge
    edges, found, left = _edges(len(theta), block), [], 0.0
    for first, last in _passes(len(images), program, block):
        gradients = _gradients(program, images, labels, first, last).mul_(scale[first:last])
        for start, end in pairwise(edge for edge in edges if first <= edge <= last):
            some, own = gradients[:, start - first : end - first], theta[start:end]
            gram, projection = (some @ some.T).numpy(), (some @ own).numpy()
            lambdas = solve(gram, projection)
            found.append(lambdas)
            left += own.square().sum().item() - 2 * lambdas @ projection + lambdas @ gram @ lambdas
    return BlockStationarity(np.mean(found, axis=0), float(left / theta.square().sum().item()))


def outputs(program: Program, images: Tensor) -> Tensor:
    """Phi (n, C) of images (n, C, H, W) or vectors (n, D), float64."""
    batch = _batch(len(images), program, 0)
    with torch.no_grad():
        return vmap(program.outputs, in_dims=(None, 0), chunk_size=batch)({}, images)


def _even(program: Program) -> Tensor:
    """1 / s of every parameter (P,), 0 in a layer of zeros; a module's own parameters are a layer."""
    layer_of = {name: name.rpartition(".")[0] for name in program.parameters}
    layers: dict[str, list[Tensor]] = {layer: [] for layer in layer_of.values()}
    for name, parameter in program.parameters.items():
        layers[layer_of[name]].append(parameter.flatten())
    sizes = {layer: torch.cat(parts).square().mean().sqrt().item() for layer, parts in layers.items()}
    scales = {layer: 1 / size if size else 0.0 for layer, size in sizes.items()}
    parts = [
        torch.full_like(parameter.flatten(), scales[layer_of[name]]) for name, parameter in program.parameters.items()
    ]
    return torch.cat(parts)


def _edges(count: int, block: int) -> list[int]:
    """Where blocks begin and end, all of nearly one size."""
    return np.linspace(0, count, -(-count // block) + 1).astype(int).tolist()


def _passes(images: int, program: Program, block: int) -> list[tuple[int, int]]:
    """Where runs of blocks begin and end whose gradients are found together."""
    edges = _edges(_width(program.parameters), block)
    together = max(1, AT_ONCE // (8 * images * block))
    return list(pairwise([*edges[:-1:together], edges[-1]]))


def _width(parameters: dict[str, Tensor]) -> int:
    return sum(parameter.numel() for parameter in parameters.values())


def _batch(images: int, program: Program, width: int) -> int:
    """How many images are differentiated at once."""
    return max(1, min(images, BATCH // program.bytes_to_differentiate(width)))


def _touched(program: Program, first: int, last: int) -> tuple[dict[str, Tensor], int]:
    """The parameters that a run of numbers lies in, all parameters standing in one row, and what stands before them."""
    touched, skipped, place = {}, 0, 0
    for name, parameter in program.parameters.items():
        end = place + parameter.numel()
        if end <= first:
            skipped = end
        elif place < last:
            touched[name] = parameter
        place = end
    return touched, skipped


def _gradients(program: Program, images: Tensor, labels: Tensor, first: int, last: int) -> Tensor:
    """grad q_i (n, last - first) by a run of numbers of the parameters."""
    touched, skipped = _touched(program, first, last)

    def log_odds(parameters: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return program.family.log_odds(program.outputs(parameters, image)[None], label[None])[0]

    of_each = vmap(grad(log_odds), in_dims=(None, 0, 0))
    found = torch.empty(len(images), last - first, dtype=torch.float64)
    for some in blocks(len(images), _batch(len(images), program, _width(touched))):
        gradients = of_each(touched, images[some], labels[some])
        row = torch.cat([gradients[name].flatten(1) for name in touched], 1)
        found[some] = row[:, first - skipped : last - skipped]
    return found
