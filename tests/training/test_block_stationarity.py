"""Lambda of programs against gradients one by one, and against the MLPs' own closed form."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from program_helpers import SHAPE, convolutional, convolutional_program, exported, read
from reconstruction.training import block_stationarity as module
from reconstruction.training.block_stationarity import block_stationarity, bytes_for, outputs
from reconstruction.training.true_stationarity import even_lambdas
from science_helpers import classes, normal, random_network
from scipy.optimize import nnls
from torch import nn


def explicit(network, images, labels):
    """The gradient (n, P) of each image's log-odds by autograd alone, and the parameters (P,)."""
    rows, parameters = [], list(network.parameters())
    for image, label in zip(images, labels, strict=True):
        found = network(image[None])[0]
        if len(found) == 1:
            q = label * found[0]
        else:
            others = torch.arange(len(found)) != label
            q = found[int(label)] - found[others].exp().sum().log()
        rows.append(torch.cat([part.flatten() for part in torch.autograd.grad(q, parameters)]))
    return torch.stack(rows).numpy(), torch.cat([part.detach().flatten() for part in parameters]).numpy()


def evened(network, rows, theta):
    """The same with every parameter over the root mean square of its module's."""
    sizes = []
    for layer in network.modules():
        own = list(layer.parameters(recurse=False))
        if own:
            values = np.concatenate([part.detach().numpy().ravel() for part in own])
            sizes.append(np.full(len(values), np.sqrt(np.mean(values**2))))
    size = np.concatenate(sizes)
    return rows / size, theta / size


def solved(rows, theta):
    lambdas, distance = nnls(rows.T, theta)
    return lambdas, distance**2


def solved_in_blocks(rows, theta, block):
    edges = np.linspace(0, len(theta), -(-len(theta) // block) + 1).astype(int)
    assert max(np.diff(edges)) <= block
    return [solved(rows[:, first:last], theta[first:last]) for first, last in pairwise(edges)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("block", [10**6, 50, 7])
def test_blocks_are_least_squares_of_the_gradients_one_by_one(count, block, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2**15)  # so that the images are differentiated in several turns,
    monkeypatch.setattr(module, "AT_ONCE", 3 * 8 * 5 * block)  # and the blocks in several passes
    network, images, labels = convolutional(count).double(), normal(5, *SHAPE), classes(5, count)
    found = block_stationarity(read(tmp_path / "network.pt2", convolutional_program(count)), images, labels, block)
    rows, theta = evened(network, *explicit(network, images, labels))
    expected = solved_in_blocks(rows, theta, block)
    assert found.lambdas == pytest.approx(np.mean([lambdas for lambdas, _ in expected], axis=0), rel=1e-6, abs=1e-9)
    assert found.unexplained == pytest.approx(sum(left for _, left in expected) / np.square(theta).sum(), rel=1e-6)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("block", [10**6, 20])
def test_a_head_on_vectors_has_the_lambdas_of_its_gradients_one_by_one(count, block, tmp_path):
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(6)
    head = nn.Sequential(nn.LayerNorm(7), nn.Linear(7, 6), norm, nn.GELU(), nn.Dropout(), nn.Linear(6, count)).eval()
    nn.init.uniform_(norm.running_var, 0.5, 2)
    program = read(tmp_path / "head.pt2", exported(head, torch.zeros(1, 7)))
    vectors, labels = 3 * normal(5, 7) - 1, classes(5, count)
    found = block_stationarity(program, vectors, labels, block)
    rows, theta = evened(head, *explicit(head.double(), vectors, labels))
    expected = solved_in_blocks(rows, theta, block)
    assert found.lambdas == pytest.approx(np.mean([lambdas for lambdas, _ in expected], axis=0), rel=1e-6, abs=1e-9)
    assert found.unexplained == pytest.approx(sum(left for _, left in expected) / np.square(theta).sum(), rel=1e-6)
    assert found.lambdas.max() > 0


@pytest.mark.parametrize("count", [1, 4])
def test_an_mlp_as_a_program_has_the_lambdas_of_the_mlp(count, tmp_path):
    network = random_network(36, [9, 7], later_biases=True, outputs=count).to(dtype=torch.float32)
    layers = [nn.Flatten()]
    for weight, bias in zip(network.weights, network.biases, strict=True):
        linear = nn.Linear(weight.shape[1], len(weight))
        linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
        layers += [linear, nn.ReLU()]
    program = read(tmp_path / "network.pt2", exported(nn.Sequential(*layers[:-1])))
    images, labels = normal(8, *SHAPE), classes(8, count)
    expected = even_lambdas(network, images.flatten(1), labels)
    assert block_stationarity(program, images, labels).lambdas == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_outputs_are_those_of_one_image_at_a_time(tmp_path):
    program, images = read(tmp_path / "network.pt2", convolutional_program()), normal(5, *SHAPE)
    each = torch.stack([program.outputs({}, image) for image in images])
    assert torch.allclose(outputs(program, images), each, atol=1e-12)


def test_memory_is_that_of_a_block(tmp_path):
    program = read(tmp_path / "network.pt2", convolutional_program())
    parameters = sum(parameter.numel() for parameter in program.parameters.values())
    assert bytes_for(1000, program) > 8 * 1000 * parameters
    assert bytes_for(10**9, program, 2) - bytes_for(10**9, program, 1) == pytest.approx(8 * 10**9, rel=1e-3)
