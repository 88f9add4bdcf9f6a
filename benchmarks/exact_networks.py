"""Networks for benchmarks/exact_curves.py, as this project trains them or as PyTorch's users do."""

from __future__ import annotations

import hashlib
import time
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import torch
from exact_axes import MOMENTUM, Setting
from reconstruction.configuration import Model, Training
from reconstruction.models.mlp import Network
from reconstruction.training.fit import fit
from reconstruction.training.settling import settle
from torch import Tensor, nn

OPTIMISERS = {
    "sgd": lambda parameters, rate, decay: torch.optim.SGD(parameters, rate, MOMENTUM, weight_decay=decay, fused=True),
    "adam": lambda parameters, rate, decay: torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True),
    "adamw": lambda parameters, rate, decay: torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True),
}


def network_of(setting: Setting, inputs: Tensor, labels: Tensor, cache: Path) -> tuple[Network, float]:
    """The network in float64, disturbed as the setting has it, and the seconds that its training took.

    inputs: (n, D) float64; labels: (n,). Trained networks are kept in the cache folder.
    """
    trained = replace(setting, noise=0.0, rounding="float32")
    path = cache / f"{setting.data}-{hashlib.sha256(repr(astuple(trained)).encode()).hexdigest()[:16]}.npz"
    if not path.exists():
        begun = time.perf_counter()
        network = (settled if setting.optimiser == "settle" else trained_by_pytorch)(trained, inputs, labels)
        layers = {f"w{k}": weight.float().numpy() for k, weight in enumerate(network.weights)}
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, bias=network.bias.float().numpy(), seconds=time.perf_counter() - begun, **layers)
    with np.load(path) as arrays:
        weights = tuple(torch.from_numpy(arrays[f"w{k}"]).double() for k in range(len(arrays) - 2))
        network, seconds = Network(weights, torch.from_numpy(arrays["bias"]).double()), float(arrays["seconds"])
    generator = torch.Generator().manual_seed(setting.seed)
    return network.map(lambda parameter: rounded(noisy(parameter, setting.noise, generator), setting.rounding)), seconds


def settled(setting: Setting, inputs: Tensor, labels: Tensor) -> Network:
    """The log-loss flow until the loss is the weight decay, then so many steps of settling."""
    flow = Training(target_loss=setting.weight_decay)
    model = Model(hidden=[setting.width] * 2, seed=setting.seed, training=flow)
    network, _ = fit(model, inputs, labels, torch.device("cpu"))
    steps = range(setting.steps)
    single = network.to(dtype=torch.float32)
    return settle(single, inputs.float(), labels.float(), setting.weight_decay, steps, lambda row: None)[0]


def trained_by_pytorch(setting: Setting, inputs: Tensor, labels: Tensor) -> Network:
    """Batches without replacement, the mean logistic loss, biases in the first layer alone."""
    torch.manual_seed(setting.seed)
    layers = [
        nn.Linear(inputs.shape[1], setting.width),
        nn.Linear(setting.width, setting.width, bias=False),
        nn.Linear(setting.width, 1, bias=False),
    ]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimiser = OPTIMISERS[setting.optimiser](model.parameters(), setting.rate, setting.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, setting.steps)
    inputs, targets = inputs.float(), (labels.float()[:, None] + 1) / 2
    order = torch.empty(0, dtype=torch.long)
    for _ in range(setting.steps):
        if len(order) < setting.batch:
            order = torch.randperm(len(inputs))
        now, order = order[: setting.batch], order[setting.batch :]
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(inputs[now]), targets[now]).backward()
        optimiser.step()
        schedule.step()
    return Network(tuple(layer.weight.detach() for layer in layers), layers[0].bias.detach())


def noisy(parameter: Tensor, level: float, generator: torch.Generator) -> Tensor:
    return parameter + level * parameter.std() * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)


def rounded(parameter: Tensor, to: str) -> Tensor:
    """int8: symmetric, one scale for all of the parameter."""
    if to == "int8":
        step = parameter.abs().max() / 127
        return (parameter / step).round() * step
    return parameter.to(getattr(torch, to)).double()
