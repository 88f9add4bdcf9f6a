"""Training a regression under weight decay, and what the true data's stationarity is where lambda has no sign."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import ConstantSchedule, Model, Training
from reconstruction.configuration.models import Huber, Squared
from reconstruction.models.mlp import activations, margins
from reconstruction.training.descent import log_loss_gradient
from reconstruction.training.examination import mistakes
from reconstruction.training.fit import fit
from reconstruction.training.settling import curvature
from reconstruction.training.true_stationarity import (
    RIDGE,
    derivative_stationarity,
    gram_ridge,
    true_stationarity,
)
from science_helpers import by_layer, forward, leaves, normal, phi, properties, random_regression, relative

HIDDEN = st.lists(st.integers(2, 8), min_size=1, max_size=3)
DELTAS = st.sampled_from([math.inf, 0.3])
CPU = torch.device("cpu")


def loss_of(found, targets, delta):
    if delta == math.inf:
        return torch.nn.functional.mse_loss(found, targets) / 2
    return torch.nn.functional.huber_loss(found, targets, delta=delta)


def gradients(network, inputs, targets, decay=0.0):
    followed = leaves(network)
    loss = loss_of(forward(followed, inputs), targets, network.regression.delta)
    loss = loss + decay / 2 * sum(parameter.square().sum() for parameter in followed.parameters)
    return torch.autograd.grad(loss, followed.parameters)


@properties
@given(HIDDEN, st.integers(0, 99), st.booleans(), DELTAS)
def test_gradients_of_the_log_loss_equal_autograd(hidden, seed, later_biases, delta):
    network = random_regression(5, hidden, seed, later_biases, delta)
    inputs, targets = normal(6, 5, seed=seed), normal(6, seed=seed + 1)
    found = log_loss_gradient(network, activations(network, inputs), targets, loss=0.7)
    for part, expected in zip(found, gradients(network, inputs, targets), strict=True):
        torch.testing.assert_close(part, expected / 0.7)


@properties
@given(HIDDEN, st.integers(0, 99), DELTAS)
def test_residuals_of_the_derivatives_lambdas_are_the_decayed_losss_gradient(hidden, seed, delta):
    network, inputs, targets = random_regression(5, hidden, seed, delta=delta), normal(6, 5), normal(6, seed=seed)
    squares = [(part / 0.3).square().sum().item() for part in gradients(network, inputs, targets, 0.3)]
    found = derivative_stationarity(network, inputs, targets, 0.3)
    assert found.residuals == pytest.approx(by_layer(network, squares), rel=1e-6)


@properties
@given(HIDDEN, st.integers(0, 99))
def test_curvature_of_the_squared_loss_is_that_of_the_explicit_gauss_newton_matrix(hidden, seed):
    network, inputs, targets = random_regression(5, hidden, seed), normal(6, 5, seed=seed), normal(6)
    followed = leaves(network)
    rows = torch.stack(
        [
            torch.cat([part.flatten() for part in torch.autograd.grad(output, followed.parameters, retain_graph=True)])
            for output in forward(followed, inputs)
        ]
    )
    found = curvature(network, activations(network, inputs), targets)
    assert found == pytest.approx(torch.linalg.svdvals(rows)[0].item() ** 2 / 6, rel=1e-9)


@properties
@given(st.integers(1, 8), st.integers(0, 99))
def test_lambdas_are_a_ridge_regression_on_the_gradients_of_the_output(count, seed):
    network, inputs, targets = random_regression(9, [7, 5], seed), normal(count, 9, seed=seed), normal(count)
    followed = leaves(network)
    rows = [
        torch.cat([part.flatten() for part in torch.autograd.grad(output, followed.parameters, retain_graph=True)])
        for output in forward(followed, inputs)
    ]
    design, weights = torch.stack(rows).numpy(), torch.cat([p.flatten() for p in network.parameters]).numpy()
    ridge = RIDGE * np.square(design).sum(1).mean()
    extended = np.concatenate([design.T, np.sqrt(ridge) * np.eye(count)])
    expected = np.linalg.lstsq(extended, np.concatenate([weights, np.zeros(count)]), rcond=None)[0]
    found = true_stationarity(network, inputs, targets)
    assert found.lambdas == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found.residuals.sum() == pytest.approx(np.square(weights - expected @ design).sum(), rel=1e-8)


def test_a_gram_of_nothing_has_lambdas_of_nothing():
    assert gram_ridge(np.zeros((3, 3)), np.zeros(3)).tolist() == [0, 0, 0]


def problem():
    inputs = normal(8, 30)
    return inputs - inputs.mean(0), normal(8, seed=5)


@pytest.mark.parametrize("loss", [Squared(kind="squared"), Huber(kind="huber", delta=0.4)])
@pytest.mark.parametrize("decay", [1e-2, 1e-3])
def test_training_ends_at_a_stationary_point_that_the_derivatives_lambdas_make_up(loss, decay):
    inputs, targets = problem()
    settings = Model(hidden=[40, 30], loss=loss, training=Training(weight_decay=decay, precision="float64"))
    network, curve = fit(settings, inputs, targets, CPU)
    assert network.regression.delta == loss.delta
    exact = derivative_stationarity(network, inputs, targets, decay)
    assert exact.residuals[-1] < 1e-3 * exact.squared_norms[-1]  # no unit's kink is in the last layer's gradient
    assert (exact.residuals < 0.25 * exact.squared_norms).all()
    assert exact.squared_norms == pytest.approx([exact.squared_norms[0]] * 3, rel=0.02)
    assert (exact.lambdas > 0).any()
    assert (exact.lambdas < 0).any()
    errors = -margins(network, inputs, targets)
    assert errors.max() == pytest.approx(-curve[-1].smallest_margin)
    assert errors.mean() < 0.2 * targets.abs().mean()
    assert math.isnan(curve[-1].accuracy)
    assert mistakes(-errors.numpy(), "images", network.family) == ""


def test_a_constant_step_descends_the_decayed_loss():
    inputs, targets = problem()
    schedule = ConstantSchedule(kind="constant", learning_rate=0.1)
    training = Training(schedule=schedule, weight_decay=0.01, target_loss=0, steps=1, precision="float64")
    settings = Model(hidden=[6], first_layer_scale=0.5, loss=Squared(kind="squared"), training=training)
    stepped, _ = fit(settings, inputs, targets, CPU)
    none = training.model_copy(update={"schedule": ConstantSchedule(kind="constant", learning_rate=1e-12)})
    begun, _ = fit(settings.model_copy(update={"training": none}), inputs, targets, CPU)
    expected = gradients(begun, inputs, targets, 0.01)
    for after, before, gradient in zip(stepped.parameters, begun.parameters, expected, strict=True):
        assert relative(after - before, -0.1 * gradient) < 1e-6
    assert not torch.equal(phi(stepped, inputs), phi(begun, inputs))
