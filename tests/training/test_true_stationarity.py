"""The true data's stationarity against explicit gradients and a dense solver."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.models.mlp import Network
from reconstruction.training.true_stationarity import even_lambdas, gram_nnls, on_margin, true_stationarity
from science_helpers import (
    EVERY_ACTIVATION,
    alternating,
    by_layer,
    classes,
    forward,
    leaves,
    normal,
    properties,
    random_network,
    uniform,
)
from scipy.optimize import nnls

OUTPUTS = st.sampled_from([1, 3])


def gradients(network, inputs, labels):
    """The gradient of the log-odds of every image, by parameter: arrays (n, size of the parameter)."""
    followed = leaves(network)
    found = forward(followed, inputs)
    if found.dim() == 1:
        log_odds = labels * found
    else:
        own = torch.nn.functional.one_hot(labels.long(), found.shape[1]).bool()
        log_odds = found[own] - found.masked_fill(own, -torch.inf).exp().sum(1).log()
    rows = [torch.autograd.grad(q, followed.parameters, retain_graph=True) for q in log_odds]
    return [torch.stack([part.flatten() for part in parameter]).numpy() for parameter in zip(*rows, strict=True)]


@properties
@given(
    st.lists(st.integers(4, 8), min_size=1, max_size=3),
    st.integers(1, 8),
    st.integers(0, 99),
    st.booleans(),
    OUTPUTS,
    st.sampled_from(list(EVERY_ACTIVATION)),
)
def test_lambdas_and_residuals_equal_the_dense_problem(hidden, count, seed, later_biases, outputs, activation):
    network = random_network(9, hidden, seed, later_biases, outputs, activation)
    inputs, labels = normal(count, 9, seed=seed), classes(count, outputs)
    explicit = gradients(network, inputs, labels)
    found = true_stationarity(network, inputs, labels)
    targets = [parameter.flatten().numpy() for parameter in network.parameters]
    lambdas, distance = nnls(np.concatenate(explicit, 1).T, np.concatenate(targets))
    squares = [np.square(target - found.lambdas @ rows).sum() for target, rows in zip(targets, explicit, strict=True)]
    assert found.lambdas.min() >= 0
    assert found.residuals == pytest.approx(by_layer(network, squares), rel=1e-9)
    assert found.residuals.sum() == pytest.approx(distance**2, rel=1e-9)
    if np.linalg.matrix_rank(np.concatenate(explicit, 1), tol=1e-4) == count:
        assert found.lambdas == pytest.approx(lambdas, abs=1e-6)
    norms = [np.square(target).sum() for target in targets]
    assert found.squared_norms == pytest.approx(by_layer(network, norms))


@properties
@given(
    st.lists(st.integers(4, 8), min_size=1, max_size=3), st.integers(1, 8), st.integers(0, 99), st.booleans(), OUTPUTS
)
def test_even_lambdas_are_those_of_layers_over_the_roots_of_their_mean_squares(hidden, count, seed, later, outputs):
    network = random_network(9, hidden, seed, later, outputs)
    inputs, labels = normal(count, 9, seed=seed), classes(count, outputs)
    gradients_of = dict(zip(map(id, network.parameters), gradients(network, inputs, labels), strict=True))
    rows, targets = [], []
    for layer in zip(network.weights, network.biases, strict=True):
        own = [parameter for parameter in layer if parameter is not None]
        target = np.concatenate([parameter.flatten().numpy() for parameter in own])
        size = np.sqrt(np.mean(target**2))
        targets.append(target / size)
        rows.append(np.concatenate([gradients_of[id(parameter)] for parameter in own], 1) / size)
    matrix, target = np.concatenate(rows, 1).T, np.concatenate(targets)
    found = even_lambdas(network, inputs, labels)
    assert found.min() >= 0
    assert np.linalg.norm(matrix @ found - target) == pytest.approx(nnls(matrix, target)[1], rel=1e-9)


def test_a_layer_of_zeros_tells_nothing():
    network, inputs, labels = random_network(9, [6]), normal(5, 9), alternating(5)
    silent = network.with_layers([network.weights[0], torch.zeros_like(network.weights[1])], network.biases)
    assert not even_lambdas(silent, inputs, labels).any()


def test_planted_lambdas_are_found():
    """A network of one hidden layer that is a stationary point, W = sum_i lambda_i y_i grad Phi(x_i), exactly.

    Every image activates every unit, so Phi = w_2 (W_1 x + b_1), and (W_1, b_1) = w_2 s^T with
    s = sum_i lambda_i y_i (x_i, 1). The equation of w_2 then says that |s| = 1.
    """
    inputs, labels, planted = uniform(4, 9), alternating(4), torch.tensor([0.0, 3.0, 0.0, 2.0]).double()
    extended = torch.cat([inputs, torch.ones(4, 1).double()], 1)
    direction = (planted * labels) @ extended
    planted, direction = planted / direction.norm(), direction / direction.norm()
    output = 1 + uniform(5)
    first = output[:, None] * direction
    found = true_stationarity(Network((first[:, :-1], output[None]), first[:, -1]), inputs, labels)
    assert found.lambdas == pytest.approx(planted.numpy(), abs=1e-6)
    assert found.residuals == pytest.approx([0, 0], abs=1e-9)
    assert found.squared_norms == pytest.approx([output.square().sum().item()] * 2)


@properties
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 999))
def test_non_negative_least_squares_from_the_gram_matrix_equals_the_dense_problem(rows, columns, seed):
    drawn = np.random.default_rng(seed)
    matrix, target = drawn.standard_normal((rows, columns)), drawn.standard_normal(rows)
    found = gram_nnls(matrix.T @ matrix, matrix.T @ target)
    _, distance = nnls(matrix, target)
    assert found.min() >= 0
    assert np.linalg.norm(matrix @ found - target) == pytest.approx(distance, abs=1e-6)


def test_the_margin_holds_what_lies_within_a_tenth_of_the_smallest():
    assert on_margin(np.array([2.0, 2.19, 2.21, 9.0])).tolist() == [True, True, False, False]


@pytest.mark.parametrize("smallest", [0.0, -1.0])
def test_nothing_lies_on_the_margin_of_a_network_that_errs(smallest):
    assert not on_margin(np.array([smallest, 1e-9, 1.0])).any()
