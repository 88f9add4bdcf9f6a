"""What the tests of the science share: random networks, and oracles that lean on autograd alone."""

import math
from dataclasses import replace
from pathlib import Path

import torch
from hypothesis import settings
from reconstruction.attack.plan import method_of
from reconstruction.configuration import PublishedSearch, SubspaceSearch
from reconstruction.files.store import Stored
from reconstruction.models.activations import ACTIVATIONS, LeakyReLU
from reconstruction.models.mlp import activations, initialise, outputs
from reconstruction.models.regression import Regression

torch.set_num_threads(1)  # on problems this small, threads that wait for each other cost more than they save
EVERY_ACTIVATION = {**ACTIVATIONS, "leaky-relu 0.2": LeakyReLU(0.2)}
properties = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def random_network(input_size, hidden, seed=0, later_biases=False, outputs=1, activation="relu"):
    """later_biases: whether every layer has a bias, not the first alone."""
    return initialise(input_size, hidden, 0.7, generator(seed), later_biases, outputs, EVERY_ACTIVATION[activation])


def random_regression(input_size, hidden, seed=0, later_biases=False, delta=math.inf):
    return replace(random_network(input_size, hidden, seed, later_biases), regression=Regression(delta))


def phi(network, inputs):
    """Phi(x) (..., n) of inputs (..., n, D), of a network with one output."""
    return outputs(network, activations(network, inputs)).squeeze(-1)


def method(name, network, iterations=1000, record_every=1000):
    """A search's method with the configuration's defaults."""
    settings = {"published": PublishedSearch, "subspace": SubspaceSearch}[name](iterations=iterations)
    return replace(method_of(settings, 1, network), record_every=record_every)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def uniform(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=generator(seed))


def stored(**arrays):
    """What reading a file of these arrays gives; a double underscore in a name stands for a slash."""
    return Stored(Path("file.h5"), {name.replace("__", "/"): array for name, array in arrays.items()}, {}, {}, {}, "")


def alternating(count):
    return torch.where(torch.arange(count) % 2 == 0, -1.0, 1.0).double()


def classes(count, outputs):
    """Labels of a network's family in turn."""
    return alternating(count) if outputs == 1 else (torch.arange(count) % outputs).double()


def cross_entropy(network, inputs, labels):
    """The mean loss by PyTorch, of one output or of several."""
    found = forward(network, inputs)
    if found.dim() == 1:
        return torch.nn.functional.softplus(-labels * found).mean()
    return torch.nn.functional.cross_entropy(found, labels.long())


def orthonormal(rows, columns, seed=0):
    """A random matrix (rows, columns) with orthonormal rows."""
    return torch.linalg.qr(normal(columns, rows, seed=seed)).Q.T.contiguous()


def relative(found, expected):
    """The norm of the difference over the norm, 0 where both are zero."""
    difference = (found - expected).norm().item()
    return difference / expected.norm().item() if difference else 0.0


def leaves(network):
    """The same network with parameters that autograd follows."""
    return network.map(lambda parameter: parameter.detach().clone().requires_grad_())


def by_layer(network, values):
    """Values of the parameters in order, as one for each layer: that of its bias, if it has one, added."""
    of_weights, of_biases = values[: len(network.weights)], iter(values[len(network.weights) :])
    return [
        value if bias is None else value + next(of_biases)
        for value, bias in zip(of_weights, network.biases, strict=True)
    ]


def forward(network, inputs, activation=None):
    """Phi(x) by PyTorch's own activation, or by another."""
    activation, product = activation or network.activation.module(), inputs
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        product = (activation(product) if layer else product) @ weight.T
        product = product if bias is None else product + bias
    return product.squeeze(-1)
