"""How many restarts run at once, one on a CPU, on a GPU as many as its memory holds, and whether compiling pays."""

from __future__ import annotations

import torch

from ..machine.devices import free
from ..models.mlp import Network

PARAMETER_COPIES = 8  # of the candidates: themselves, start, two moments, gradients, products' own
ACTIVATION_COPIES = 8  # of a hidden layer's activations, alive at the peak of one evaluation; of smooth ones one more
PIXEL_COPIES = 6  # of candidates as pixels, where a penalty is on these
MOST_AT_ONCE = 64  # where products reach 0.69 of a GPU's matrix rate (docs/performance.md); checkpoints stay small
COMPILING_PAYS = 4e15  # operations of a shard from which ten seconds of compiling save more, on an H200
SPARE = 0.8  # of what is free, lest the allocator's rounding fill it up


def bytes_per_restart(network: Network, candidates: int, parameters: torch.dtype, pixels: int = 0) -> int:
    """The memory that one restart takes on top of the network, of whose dtype the products are; pixels: of each
    candidate, beside its coordinates.

    An estimate; benchmarks/memory.py sets it beside the measured peak.
    """
    size, *hidden, _ = network.sizes
    weights = sum(weight.numel() for weight in network.weights)
    activations = candidates * sum(hidden)
    copies = ACTIVATION_COPIES + (not network.activation.is_homogeneous)
    products = network.weights[0].element_size()
    values = copies * activations + 2 * weights + PIXEL_COPIES * candidates * pixels
    return PARAMETER_COPIES * candidates * size * parameters.itemsize + values * products


def restarts_at_once(
    network: Network, candidates: int, parameters: torch.dtype, device: torch.device, pixels: int = 0
) -> int:
    """How many restarts fit into the device's free memory; 0 where not even one does.

    One on a CPU, whose caches hold one restart's matrices better than several's: benchmarks/batching.py.
    """
    fitting = int(SPARE * free(device)) // bytes_per_restart(network, candidates, parameters, pixels)
    return min(fitting, 1 if device.type == "cpu" else MOST_AT_ONCE)


def compiling_pays(network: Network, candidates: int, iterations: int, restarts: int, device: torch.device) -> bool:
    """For all of a shard's restarts; on a GPU alone, where a CPU's products take nine tenths of the time as it is."""
    products = 14 * candidates * sum(weight.numel() for weight in network.weights)
    return device.type == "cuda" and products * iterations * restarts >= COMPILING_PAYS
