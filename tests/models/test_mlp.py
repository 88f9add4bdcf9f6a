"""The network against torch.nn and autograd."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.models.activations import ACTIVATIONS
from reconstruction.models.mlp import Network, activations, before_activation, initialise, margins, sensitivities
from reconstruction.models.regression import Regression
from reconstruction.stages.scramble import scramble
from science_helpers import forward, generator, normal, orthonormal, phi, properties, random_network, relative

HIDDEN = st.lists(st.integers(1, 6), min_size=1, max_size=4)
MODULES = {
    "relu": torch.nn.ReLU,
    "leaky-relu": torch.nn.LeakyReLU,
    "leaky-relu 0.2": lambda: torch.nn.LeakyReLU(0.2),
    "gelu": torch.nn.GELU,
    "tanh": torch.nn.Tanh,
    "silu": torch.nn.SiLU,
}
NAMES = st.sampled_from(list(MODULES))


@properties
@given(HIDDEN, st.integers(1, 6), st.integers(0, 99), st.booleans(), NAMES)
def test_outputs_equal_torch_nn(hidden, input_size, seed, later_biases, activation):
    network = random_network(input_size, hidden, seed, later_biases, activation=activation)
    modules = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=torch.float64)
        linear.weight.data = weight
        if bias is not None:
            linear.bias.data = bias
        modules += [linear, MODULES[activation]()]
    inputs = normal(7, input_size, seed=seed)
    expected = torch.nn.Sequential(*modules[:-1])(inputs).squeeze(-1)
    torch.testing.assert_close(phi(network, inputs), expected.detach())


@properties
@given(HIDDEN, st.integers(0, 99), st.booleans(), NAMES)
def test_sensitivities_are_the_derivatives_of_the_output_by_each_layer(hidden, seed, later_biases, activation):
    network = random_network(5, hidden, seed, later_biases, activation=activation)
    layers = activations(network, normal(6, 5, seed=seed))
    found = sensitivities(network, layers, torch.ones(6).double())
    assert [delta.shape[1] for delta in found] == [*hidden, 1]
    for k, delta in enumerate(found[:-1], start=1):
        z = before_activation(network, layers[k - 1], k).requires_grad_()
        product = z
        for weight, bias in zip(network.weights[k:], network.biases[k:], strict=True):
            product = torch.nn.functional.linear(MODULES[activation]()(product), weight, bias)
        (expected,) = torch.autograd.grad(product.sum(), z)
        torch.testing.assert_close(delta, expected)
    assert (found[-1] == 1).all()


@properties
@given(HIDDEN, st.floats(0.1, 5), st.sampled_from(["relu", "leaky-relu", "leaky-relu 0.2"]))
def test_the_network_is_homogeneous_in_its_parameters(hidden, factor, activation):
    network = random_network(4, hidden, activation=activation)
    scaled = network.map(lambda parameter: factor * parameter)
    inputs = normal(8, 4)
    torch.testing.assert_close(phi(scaled, inputs), factor ** len(network.weights) * phi(network, inputs))


def test_batched_inputs_give_what_each_batch_gives():
    network, inputs = random_network(4, [5, 3]), normal(3, 6, 4)
    batched = phi(network, inputs)
    assert batched.shape == (3, 6)
    torch.testing.assert_close(batched, torch.stack([phi(network, part) for part in inputs]))


def test_the_forward_pass_leaves_its_inputs_and_weights_alone():
    network, inputs = random_network(4, [5, 3]), normal(6, 4)
    before = [tensor.clone() for tensor in (*network.parameters, inputs)]
    phi(network, inputs)
    assert all(torch.equal(*pair) for pair in zip(before, (*network.parameters, inputs), strict=True))


def test_a_projected_network_answers_coordinates_as_the_network_answers_inputs():
    network, basis, coordinates = random_network(9, [5, 4]), orthonormal(3, 9), normal(6, 3)
    projected = network.project_inputs(basis)
    assert projected.sizes == (3, 5, 4, 1)
    torch.testing.assert_close(phi(projected, coordinates), phi(network, coordinates @ basis))


def test_initial_biases_of_later_layers_are_pytorchs_and_leave_the_other_weights_as_they_are():
    network, others = (initialise(30, [200, 100], 1e-4, generator(0), later) for later in (True, False))
    assert all(torch.equal(*pair) for pair in zip(network.parameters[:4], others.parameters, strict=True))
    assert [bias.shape for bias in network.later_biases] == [(100,), (1,)]
    assert 0.9 * 200**-0.5 < network.later_biases[0].abs().max() <= 200**-0.5


def test_initial_weights_have_the_published_distributions():
    network = initialise(300, [200, 100], 1e-4, generator(0))
    assert network.sizes == (300, 200, 100, 1)
    assert all(parameter.dtype == torch.float64 for parameter in network.parameters)
    assert network.weights[0].std().item() == pytest.approx(1e-4, rel=0.02)
    assert network.bias.std().item() == pytest.approx(1e-4, rel=0.2)
    for weight in network.weights[1:]:
        bound = weight.shape[1] ** -0.5
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.9 * bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def test_initial_weights_follow_from_the_generator():
    first, again, other = (initialise(6, [5, 4], 0.1, generator(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(*pair) for pair in zip(first.parameters, again.parameters, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(first.parameters, other.parameters, strict=True))


def test_accuracy_counts_signs_and_an_output_of_zero_is_wrong():
    network = Network((torch.eye(2).double(), torch.tensor([[1.0, -1.0]]).double()), torch.zeros(2).double())
    inputs = torch.tensor([[2.0, 0.0], [0.0, 2.0], [3.0, 0.0], [1.0, 1.0]]).double()
    found = margins(network, inputs, torch.tensor([1.0, -1.0, -1.0, 1.0]))
    assert network.family.accuracy(found) == 0.5
    assert math.isnan(network.family.accuracy(found[:0]))


def test_whatever_changes_weights_keeps_the_activation_and_the_family():
    network = replace(random_network(9, [5, 4], activation="tanh"), regression=Regression(2.0))
    changed = (
        network.map(torch.neg),
        network.to(dtype=torch.float32),
        network.project_inputs(orthonormal(3, 9)),
        network.with_layers(network.weights[1:], network.biases[1:]),
        scramble(network, 0),
    )
    assert {(other.activation, other.regression) for other in changed} == {(ACTIVATIONS["tanh"], Regression(2.0))}


def test_precision_is_changed_for_every_parameter():
    network = random_network(4, [3])
    single = network.to(dtype=torch.float32)
    assert {parameter.dtype for parameter in single.parameters} == {torch.float32}
    assert relative(forward(single, normal(5, 4).float()).double(), forward(network, normal(5, 4))) < 1e-5
