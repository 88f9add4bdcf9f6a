"""What the tests of adopted models share: plain PyTorch networks, and what is read of a file of theirs."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from reconstruction.configuration import AdoptedModel, parsing
from reconstruction.models import adopted
from science_helpers import generator, phi
from torch import nn

SHAPE = (3, 2, 4)


def mlp(*sizes, activation=nn.ReLU, start=()):
    """Linear layers of these sizes, a bias in the first, after the modules to start with."""
    torch.manual_seed(0)
    layers = list(start)
    for place, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(fan_in, fan_out, bias=place == 0), activation()]
    return nn.Sequential(*layers[:-1])


def read(content, path: Path, save=torch.save, **settings):
    """What is made of a content saved to a file."""
    save(content, path)
    values = {"weights": str(path), "input_shape": SHAPE, "mean": 0.5, **settings}
    return adopted.read(parsing.parse(AdoptedModel, values, "theirs"))


def answers(model, inputs):
    """An adopted model's output for inputs (n, D)."""
    return phi(model.network, inputs).tolist()


def some_inputs(count=5, size=24):
    return torch.randn(count, size, generator=generator(7))


def trained(net, inputs, labels, steps=400, spread=1e-3):
    """Gradient descent on log L in float64 from a small first layer; where spread is 0, Adam from PyTorch's own."""
    net.double()
    first = next(module for module in net if isinstance(module, nn.Linear))
    if spread:
        for parameter in first.parameters():
            nn.init.normal_(parameter, std=spread, generator=generator(1))
    optimiser = torch.optim.SGD(net.parameters()) if spread else torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.softplus(-labels * net(inputs).squeeze(1)).mean()
        (loss.log() if spread else loss).backward()
        if spread:
            rate = 0.02 / sum(parameter.grad.square().sum().item() for parameter in net.parameters())
            optimiser.param_groups[0]["lr"] = min(rate, 0.1 * loss.item()) if loss > 0.05 else rate
        optimiser.step()
    return net


def smooth_images(count, shape, seed=0):
    """Pictures (n, C, H, W) of no meaning in [0, 1] whose neighbouring pixels are alike."""
    random = np.random.default_rng(seed)
    channels, height, width = shape
    coarse = random.random((count, channels, -(-height // 3), -(-width // 3)))
    return coarse.repeat(3, axis=2).repeat(3, axis=3)[:, :, :height, :width].astype(np.float32)
