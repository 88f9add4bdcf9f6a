"""Training under weight decay: settling against autograd, and the stationarity that it makes exact."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import ConstantSchedule, LogLossSchedule, Model, Training
from reconstruction.errors import UserError
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.mlp import Network, activations, initialise
from reconstruction.training import settling
from reconstruction.training.descent import TrainingDiverged, descend
from reconstruction.training.fit import fit
from reconstruction.training.settling import LOSS_CHANGE, curvature, settle
from reconstruction.training.true_stationarity import derivative_stationarity, true_stationarity
from science_helpers import (
    EVERY_ACTIVATION,
    alternating,
    by_layer,
    classes,
    cross_entropy,
    forward,
    generator,
    leaves,
    normal,
    phi,
    properties,
    random_network,
    relative,
)

HIDDEN = st.lists(st.integers(2, 8), min_size=1, max_size=3)
NAMES = st.sampled_from(list(EVERY_ACTIVATION))
CPU = torch.device("cpu")


def decayed_loss(network, inputs, labels, decay):
    return cross_entropy(network, inputs, labels) + decay / 2 * sum(
        parameter.square().sum() for parameter in network.parameters
    )


def decayed_gradients(network, inputs, labels, decay):
    followed = leaves(network)
    return torch.autograd.grad(decayed_loss(followed, inputs, labels, decay), followed.parameters)


@properties
@given(HIDDEN, st.integers(0, 99), st.booleans(), NAMES)
def test_curvature_is_the_largest_eigenvalue_of_the_explicit_gauss_newton_matrix(hidden, seed, later_biases, name):
    network = random_network(5, hidden, seed, later_biases, activation=name)
    inputs, labels = normal(6, 5, seed=seed), alternating(6)
    margins = labels * phi(network, inputs)
    followed = leaves(network)
    rows = [
        torch.cat([part.flatten() for part in torch.autograd.grad(forward(followed, x[None])[0], followed.parameters)])
        for x in inputs
    ]
    share = torch.sigmoid(-margins)
    matrix = sum(s * (1 - s) * torch.outer(row, row) for s, row in zip(share, rows, strict=True)) / 6
    found = curvature(network, activations(network, inputs), labels)
    assert found == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=1e-9, abs=1e-12)


@properties
@given(HIDDEN, st.integers(0, 99))
def test_settling_is_heavy_ball_descent_of_the_decayed_loss(hidden, seed):
    network, inputs, labels = random_network(5, hidden, seed), normal(6, 5, seed=seed), alternating(6)
    settled, _, _ = settle(network, inputs, labels, 0.01, range(40, 43), lambda row: None)
    seen = math.inf
    parameters = [parameter.clone() for parameter in network.parameters]
    speeds = [torch.zeros_like(parameter) for parameter in parameters]
    for factor in (1, 0.75, 0.25):  # half a cosine in three steps
        now = Network(tuple(parameters[:-1]), parameters[-1])
        loss = LOGISTIC.mean_loss(labels * phi(now, inputs)).item()
        if abs(loss - seen) > LOSS_CHANGE * seen or factor == 1:
            largest_rate, seen = 1 / (curvature(now, activations(now, inputs), labels) + 0.01), loss
        for speed, parameter, gradient in zip(
            speeds, parameters, decayed_gradients(now, inputs, labels, 0.01), strict=True
        ):
            speed.mul_(0.95).sub_(factor * largest_rate * gradient)
            parameter.add_(speed)
    for found, expected in zip(settled.parameters, parameters, strict=True):
        assert relative(found, expected) < 1e-9


@properties
@given(HIDDEN, st.integers(0, 99))
def test_a_constant_step_descends_the_decayed_loss(hidden, seed):
    network, inputs, labels = random_network(5, hidden, seed), normal(6, 5, seed=seed), alternating(6)
    schedule = ConstantSchedule(kind="constant", learning_rate=0.3)
    settings = Training(schedule=schedule, weight_decay=0.2, target_loss=0, steps=1, precision="float64")
    stepped, _ = descend(network, inputs, labels, settings, lambda row: None)
    expected = decayed_gradients(network, inputs, labels, 0.2)
    for after, before, gradient in zip(stepped.parameters, network.parameters, expected, strict=True):
        assert relative(after - before, -0.3 * gradient) < 1e-9


def problem():
    inputs = normal(8, 30)
    return inputs - inputs.mean(0), alternating(8)


@pytest.mark.parametrize("schedule", [LogLossSchedule(), ConstantSchedule(kind="constant", learning_rate=0.2)])
def test_training_in_the_span_of_the_data_equals_training_in_full_pixels(schedule):
    inputs, labels = problem()
    training = Training(schedule=schedule, weight_decay=0.01, target_loss=0, steps=600, precision="float64")
    fitted, curve = fit(Model(hidden=[12, 10], first_layer_scale=0.1, seed=3, training=training), inputs, labels, CPU)
    full = initialise(30, [12, 10], 0.1, generator(3))
    if isinstance(schedule, ConstantSchedule):
        full, _ = descend(full, inputs, labels, training, lambda row: None)
    else:
        flow = training.model_copy(update={"weight_decay": 0.0, "target_loss": 0.01})
        full, flowed = descend(full, inputs, labels, flow, lambda row: None)
        assert 0 < flowed[-1].step < 600
        full, _, _ = settle(full, inputs, labels, 0.01, range(flowed[-1].step, 600), lambda row: None)
    assert curve[-1].loss < 0.1
    for found, expected in zip(fitted.parameters, full.parameters, strict=True):
        assert relative(found, expected) < 1e-6


@pytest.mark.parametrize("decay", [1e-2, 1e-4])
def test_a_settled_network_is_made_up_by_the_derivative_of_its_loss(decay):
    inputs, labels = problem()
    network, _ = fit(
        Model(hidden=[40, 30], training=Training(weight_decay=decay, precision="float64")), inputs, labels, CPU
    )
    exact = derivative_stationarity(network, inputs, labels, decay)
    best = true_stationarity(network, inputs, labels)
    assert best.residuals.sum() <= exact.residuals.sum() < 0.1 * exact.squared_norms.sum()
    assert exact.residuals[-1] < 1e-3 * exact.squared_norms[-1]
    assert exact.squared_norms == pytest.approx([exact.squared_norms[0]] * 3, rel=0.02)  # balanced layers
    unsettled, _ = fit(
        Model(hidden=[40, 30], training=Training(target_loss=decay, precision="float64")), inputs, labels, CPU
    )
    before = true_stationarity(unsettled, inputs, labels)
    assert best.residuals.sum() / best.squared_norms.sum() < 0.5 * before.residuals.sum() / before.squared_norms.sum()


@properties
@given(HIDDEN, st.integers(0, 99), st.booleans(), st.sampled_from([1, 3]), NAMES)
def test_residuals_of_the_derivatives_lambdas_are_the_decayed_losss_gradient(hidden, seed, later_biases, outputs, name):
    """theta - sum lambda_i grad q_i is the gradient of L + decay / 2 |theta|^2, over the decay."""
    network = random_network(5, hidden, seed, later_biases, outputs, name)
    inputs, labels = normal(6, 5, seed=seed), classes(6, outputs)
    gradients = [part / 0.3 for part in decayed_gradients(network, inputs, labels, 0.3)]
    squares = [part.square().sum().item() for part in gradients]
    found = derivative_stationarity(network, inputs, labels, 0.3)
    assert found.residuals == pytest.approx(by_layer(network, squares), rel=1e-6)


def test_a_loss_that_runs_away_is_an_error():
    network = random_network(5, [6, 4]).map(lambda parameter: parameter * 1e200)
    with pytest.raises(TrainingDiverged, match="after 7 steps"):
        settle(network, normal(9, 5), alternating(9), 0.01, range(7, 20), lambda row: None)


@pytest.mark.parametrize("target_loss", [0.3, 0.01])
def test_settling_from_afar_follows_the_curvature(target_loss):
    """Where a network has hardly begun to learn, its curvature grows tenfold within a few steps."""
    inputs, labels = normal(20, 100), alternating(20)
    training = Training(weight_decay=1e-3, target_loss=target_loss, steps=4000)
    near, far = (
        fit(Model(hidden=[100, 100], training=it), inputs, labels, CPU)[1][-1]
        for it in (Training(weight_decay=1e-3), training)
    )
    assert far.loss == pytest.approx(near.loss, rel=0.02)


@pytest.mark.parametrize(("hidden", "decay"), [([20], 1e-3), ([20, 20], 1.7e-3), ([10, 10, 10], 1e-2)])
def test_where_the_loss_runs_away_settling_begins_again_at_a_lower_rate(hidden, decay, monkeypatch):
    """Of two images the loss swings far below that of the stationary point, where there is hardly any curvature."""
    inputs, labels = normal(2, 30), alternating(2)
    settings = Model(hidden=hidden, first_layer_scale=1, training=Training(weight_decay=decay, steps=1500))
    network, curve = fit(settings, inputs, labels, CPU)
    assert curve[-1].loss < 2 * decay
    norms = network.squared_norms
    assert norms.tolist() == pytest.approx([norms[0].item()] * len(norms), rel=1e-3)
    monkeypatch.setattr(settling, "CAUTION", (1,))
    with pytest.raises(UserError, match="the loss is"):
        fit(settings, inputs, labels, CPU)
