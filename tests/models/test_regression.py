"""The family of regression against PyTorch's losses and autograd, and what model.h5 says of it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.search.reference import stationarity_residuals
from reconstruction.attack.search.stationarity import stationarity
from reconstruction.configuration.models import Classification, Huber, Squared
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.mlp import margins
from reconstruction.models.regression import Regression
from reconstruction.stages.scramble import scramble
from science_helpers import by_layer, forward, leaves, normal, phi, properties, random_regression, uniform

DELTAS = st.sampled_from([math.inf, 2.0, 0.3])
HIDDEN = st.lists(st.integers(2, 8), min_size=1, max_size=3)


def losses(found, targets, delta):
    if delta == math.inf:
        return torch.nn.functional.mse_loss(found, targets, reduction="none") / 2
    return torch.nn.functional.huber_loss(found, targets, reduction="none", delta=delta)


@properties
@given(st.integers(1, 9), DELTAS, st.integers(0, 99))
def test_loss_and_slope_are_those_of_pytorch(count, delta, seed):
    family, targets = Regression(delta), normal(count, seed=seed)
    found = normal(count, 1, seed=seed + 1).requires_grad_()
    expected = losses(found.squeeze(-1), targets, delta)
    residuals = family.log_odds(found, targets).detach()
    assert family.mean_loss(residuals).item() == pytest.approx(expected.mean().item())
    (gradient,) = torch.autograd.grad(expected.sum(), found)
    slopes = family.slope(residuals).unsqueeze(-1)
    torch.testing.assert_close(-slopes * family.log_odds_gradient(found.detach(), targets), gradient)


@properties
@given(DELTAS, st.floats(-5, 5), st.floats(-5, 5))
def test_a_parabola_of_the_curvature_lies_above_the_loss_and_touches_it(delta, at, elsewhere):
    family, zero = Regression(delta), torch.zeros(1).double()
    here, there = (torch.tensor([value], dtype=torch.float64) for value in (at, elsewhere))
    height, slope, curvature = (
        part.item() for part in (losses(here, zero, delta), -family.slope(here), family.curvature(here))
    )
    step = elsewhere - at
    assert losses(there, zero, delta).item() <= height + slope * step + curvature * step**2 / 2 + 1e-9
    assert 0 < curvature <= 1


def test_margins_are_absolute_errors_and_no_output_is_right():
    network, inputs, targets = random_regression(5, [6, 4]), normal(7, 5), normal(7, seed=1)
    found = margins(network, inputs, targets)
    torch.testing.assert_close(found, -(phi(network, inputs) - targets).abs())
    assert math.isnan(network.family.accuracy(found))


@properties
@given(HIDDEN, st.integers(1, 6), st.integers(0, 99), st.booleans())
def test_the_searchs_equations_equal_autograd_with_lambdas_of_either_sign(hidden, count, seed, later_biases):
    network = random_regression(5, hidden, seed, later_biases)
    candidates, lambdas = normal(count, 5, seed=seed), 2 * uniform(count, seed=seed) - 1
    x, multipliers = candidates.clone().requires_grad_(), lambdas.clone().requires_grad_()
    labels = network.family.candidate_labels(count)
    expected = stationarity_residuals(network, x, multipliers, labels, 7.0)
    expected.sum().backward()
    alpha = torch.tensor([7.0]).double()
    found = stationarity(network, candidates[None], lambdas[None], labels, alpha)
    torch.testing.assert_close(found.residuals[0], expected.detach())
    torch.testing.assert_close(found.candidates_gradient[0], x.grad)
    torch.testing.assert_close(found.lambdas_gradient[0], multipliers.grad)


def test_the_equations_are_about_the_output_itself():
    network, candidates, lambdas = random_regression(5, [6]), normal(3, 5), torch.tensor([1.0, -2.0, 0.5]).double()
    followed = leaves(network)
    explained = torch.autograd.grad((lambdas * forward(followed, candidates)).mean(), followed.parameters)
    squares = [(p - part).square().sum() for p, part in zip(network.parameters, explained, strict=True)]
    found = stationarity_residuals(network, candidates, lambdas, torch.zeros(3), 1e9)
    torch.testing.assert_close(found, torch.stack(by_layer(network, squares)))


def write(path, network):
    mean = np.zeros((1, 1, 5), np.float32)
    single = network.to(dtype=torch.float32)
    return store.write(path, "model", deployed.arrays(single, mean), settings_json="{}", facts={})


@pytest.mark.parametrize("delta", [math.inf, 0.25])
def test_a_model_file_keeps_the_family_and_so_do_its_kin(tmp_path, delta):
    network = random_regression(5, [6], delta=delta)
    write(tmp_path / "model.h5", network)
    read = deployed.read(tmp_path / "model.h5").network
    kin = (read, read.to(dtype=torch.float64), read.project_inputs(torch.eye(5)[:2]), scramble(read, 0))
    assert {relative.family for relative in kin} == {Regression(delta)}
    assert random_regression(5, [6]).map(torch.clone).regression == Regression()


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan])
def test_a_model_file_with_a_delta_that_is_none_is_refused(tmp_path, delta):
    write(tmp_path / "model.h5", random_regression(5, [6], delta=delta))
    with pytest.raises(UserError, match="do not fit together"):
        deployed.read(tmp_path / "model.h5")


def test_a_loss_names_its_family():
    assert Regression.of(Classification()) is None
    assert Regression.of(Squared(kind="squared")) == Regression(math.inf)
    assert Regression.of(Huber(kind="huber", delta=0.5)) == Regression(0.5)
    assert random_regression(5, [6]).family != LOGISTIC
