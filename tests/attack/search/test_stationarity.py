"""The closed form against the reference, which is double backpropagation by autograd."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.search.reference import stationarity_residuals
from reconstruction.attack.search.stationarity import stationarity
from science_helpers import (
    EVERY_ACTIVATION,
    alternating,
    by_layer,
    forward,
    leaves,
    normal,
    orthonormal,
    properties,
    random_network,
    relative,
    uniform,
)


@st.composite
def problems(draw):
    """A network, and candidates (B, m, D), lambdas (B, m), labels (m,) and alpha (B,)."""
    seed = draw(st.integers(0, 2**16))
    input_size, count, batch = draw(st.integers(1, 9)), draw(st.integers(1, 8)), draw(st.integers(1, 3))
    hidden = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    outputs = draw(st.sampled_from([1, 2, 4]))
    activation = draw(st.sampled_from(list(EVERY_ACTIVATION)))
    network = random_network(input_size, hidden, seed, draw(st.booleans()), outputs, activation)
    candidates = normal(batch, count, input_size, seed=seed + 1)
    lambdas = torch.tensor(
        draw(st.lists(st.lists(st.floats(-1, 3), min_size=count, max_size=count), min_size=batch, max_size=batch))
    ).double()
    known = st.sampled_from(network.family.labels)
    labels = torch.tensor(draw(st.lists(known, min_size=count, max_size=count))).double()
    alpha = torch.tensor(draw(st.lists(st.floats(0.1, 500), min_size=batch, max_size=batch)), dtype=torch.float64)
    return network, candidates, lambdas, labels, alpha


@properties
@given(problems())
def test_residuals_and_gradients_equal_autograd(problem):
    network, candidates, lambdas, labels, alpha = problem
    found = stationarity(*problem)
    candidates, lambdas = candidates.clone().requires_grad_(), lambdas.clone().requires_grad_()
    expected = torch.stack(
        [
            stationarity_residuals(network, x, weights, labels, sharpness)
            for x, weights, sharpness in zip(candidates, lambdas, alpha.tolist(), strict=True)
        ]
    )
    gradients = torch.autograd.grad(expected.sum(), (candidates, lambdas))
    assert found.residuals.shape == (len(alpha), len(network.weights))
    assert relative(found.residuals, expected) < 1e-9
    assert relative(found.candidates_gradient, gradients[0]) < 1e-9
    assert relative(found.lambdas_gradient, gradients[1]) < 1e-9


@pytest.mark.parametrize("later_biases", [False, True])
def test_layer_weights_weigh_the_gradient_and_leave_the_residuals(later_biases):
    network, labels, weights = random_network(5, [4, 3], 0, later_biases), alternating(6), (3.0, 0.0, 0.5)
    candidates, lambdas = normal(1, 6, 5).requires_grad_(), uniform(1, 6).requires_grad_()
    alpha = torch.tensor([7.0]).double()
    residuals = stationarity_residuals(network, candidates[0], lambdas[0], labels, 7.0)
    weighted = (residuals * torch.tensor(weights).double()).sum()
    gradients = torch.autograd.grad(weighted, (candidates, lambdas))
    found = stationarity(network, candidates.detach(), lambdas.detach(), labels, alpha, weights)
    assert relative(found.residuals[0], residuals.detach()) < 1e-9
    assert relative(found.candidates_gradient, gradients[0]) < 1e-9
    assert relative(found.lambdas_gradient, gradients[1]) < 1e-9


@properties
@given(problems())
def test_stacked_restarts_equal_restarts_one_by_one(problem):
    network, candidates, lambdas, labels, alpha = problem
    stacked = stationarity(*problem)
    for k in range(len(alpha)):
        alone = stationarity(network, candidates[[k]], lambdas[[k]], labels, alpha[[k]])
        for name in ("residuals", "candidates_gradient", "lambdas_gradient"):
            assert relative(getattr(stacked, name)[k], getattr(alone, name)[0]) < 1e-9


def test_the_arguments_are_left_alone():
    network, labels = random_network(5, [4, 3]), alternating(6)
    arguments = (normal(2, 6, 5), uniform(2, 6), labels, torch.tensor([3.0, 50.0]).double())
    before = [tensor.clone() for tensor in (*network.parameters, *arguments)]
    stationarity(network, *arguments)
    assert all(torch.equal(*pair) for pair in zip(before, (*network.parameters, *arguments), strict=True))


@pytest.mark.parametrize("activation", EVERY_ACTIVATION)
@pytest.mark.parametrize("later_biases", [False, True])
def test_a_very_sharp_sigmoid_is_the_derivative_of_the_activation(later_biases, activation):
    network = random_network(6, [7, 5], 0, later_biases, activation=activation)
    x, lambdas, labels = normal(8, 6), uniform(8), alternating(8)
    followed = leaves(network)
    explained = torch.autograd.grad((lambdas * labels * forward(followed, x)).mean(), followed.parameters)
    squares = [(p - part).square().sum() for p, part in zip(network.parameters, explained, strict=True)]
    found = stationarity(network, x[None], lambdas[None], labels, torch.tensor([1e9]).double())
    torch.testing.assert_close(found.residuals[0], torch.stack(by_layer(network, squares)))


@pytest.mark.parametrize("later_biases", [False, True])
def test_without_lambda_the_residuals_are_the_squared_norms_of_the_layers(later_biases):
    network = random_network(5, [4, 3], 0, later_biases)
    found = stationarity(network, normal(1, 6, 5), torch.zeros(1, 6).double(), alternating(6), torch.ones(1).double())
    norms = by_layer(network, [parameter.square().sum() for parameter in network.parameters])
    torch.testing.assert_close(found.residuals[0], torch.stack(norms))
    torch.testing.assert_close(network.squared_norms, torch.stack(norms))
    assert found.candidates_gradient.count_nonzero() == 0


def test_single_precision_serves():
    network, x, lambdas, labels = random_network(40, [30, 20]), normal(1, 50, 40), uniform(1, 50), alternating(50)
    alpha = torch.tensor([20.0]).double()
    double = stationarity(network, x, lambdas, labels, alpha)
    single = stationarity(network.to(dtype=torch.float32), x.float(), lambdas.float(), labels.float(), alpha.float())
    assert single.candidates_gradient.dtype == torch.float32
    for name in ("residuals", "candidates_gradient", "lambdas_gradient"):
        assert relative(getattr(single, name).double(), getattr(double, name)) < 1e-4


@pytest.mark.parametrize("hidden", [[6], [6, 5]])
def test_coordinates_in_a_subspace_have_the_stationarity_of_the_inputs_they_stand_for(hidden):
    network, basis = random_network(9, hidden), orthonormal(4, 9)
    coordinates, lambdas, labels, alpha = (
        normal(2, 6, 4),
        uniform(2, 6),
        alternating(6),
        torch.tensor([5.0, 90]).double(),
    )
    within = stationarity(network.project_inputs(basis), coordinates, lambdas, labels, alpha)
    full = stationarity(network, coordinates @ basis, lambdas, labels, alpha)
    out_of_reach = (network.weights[0] - network.weights[0] @ basis.T @ basis).square().sum()
    expected = full.residuals.clone()
    expected[:, 0] -= out_of_reach
    torch.testing.assert_close(within.residuals, expected)
    torch.testing.assert_close(within.candidates_gradient, full.candidates_gradient @ basis.T)
    torch.testing.assert_close(within.lambdas_gradient, full.lambdas_gradient)
