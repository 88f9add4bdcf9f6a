"""Stage `scramble`: a model's weights in disorder, for a control: what the attack finds in them was in no image.

The first layer keeps its row space, and how strongly each of its right singular vectors is used, so that the very
same search can be run on it: along each vector the units' coefficients are shuffled. Further layers are shuffled
entry by entry.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..files import store
from ..models import deployed
from ..models.mlp import Network


def run(seed: int, model_path: Path, output: Path) -> None:
    model = deployed.read(model_path)
    arrays = deployed.arrays(scramble(model.network, seed), model.mean, model.std)
    facts = {"stage": "scramble", "seed": seed}
    store.write(output, "model", arrays, settings_json="{}", facts=facts, sources={"model": model.stored})
    print(f"scramble: {model.network}")


def scramble(network: Network, seed: int) -> Network:
    """The network with its weights in disorder; every layer keeps its squared norm."""
    generator = torch.Generator().manual_seed(seed)

    def shuffled(values: Tensor) -> Tensor:
        return values.flatten()[torch.randperm(values.numel(), generator=generator)].view_as(values)

    first, *others = network.weights
    _, _, directions = torch.linalg.svd(first.double(), full_matrices=False)
    coefficients = first.double() @ directions.T
    order = torch.argsort(torch.rand(coefficients.shape, generator=generator), dim=0)
    scrambled = (coefficients.gather(0, order) @ directions).to(first.dtype)
    weights = (scrambled, *map(shuffled, others))
    biases = [None if bias is None else shuffled(bias) for bias in network.biases]
    return network.with_layers(weights, biases)
