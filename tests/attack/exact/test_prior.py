"""The prior of the exact attack: of the expected size, smooth where inputs are pictures, and free in the bias."""

from dataclasses import replace

import pytest
import torch
from reconstruction.attack.exact.equations import equations
from reconstruction.attack.exact.prior import SPREAD, from_weights
from science_helpers import random_network

SHAPE = (1, 4, 5)


def system(basis):
    """Equations of a network whose first layer reveals the whole input, in the given basis."""
    found = equations(random_network(20, [30, 4]), 20)
    return replace(found, basis=basis, spectrum=torch.linspace(3, 1, len(basis), dtype=torch.float64))


def pictures(prior, basis):
    """The prior's covariance of pixels."""
    return basis.T @ prior.covariance @ basis


def test_pictures_have_the_expected_size_and_pixels_what_they_are_divided_by():
    whole = torch.eye(20, dtype=torch.float64)
    assert from_weights(system(whole), torch.ones(SHAPE)).size == pytest.approx(SPREAD * 20**0.5)
    assert from_weights(system(whole), torch.full(SHAPE, 0.5)).size == pytest.approx(2 * SPREAD * 20**0.5)
    assert from_weights(system(whole)).size == pytest.approx(SPREAD * 20**0.5)


def test_neighbouring_pixels_are_alike_and_far_ones_are_less():
    whole = torch.eye(20, dtype=torch.float64)
    covariance = from_weights(system(whole), torch.ones(SHAPE)).covariance
    correlation = covariance / covariance.diagonal().outer(covariance.diagonal()).sqrt()
    middle = correlation[7].reshape(4, 5)
    assert middle[1, 1] > middle[1, 3] > middle[3, 4]


def test_what_is_no_picture_knows_no_neighbours():
    covariance = from_weights(system(torch.eye(20, dtype=torch.float64)), torch.ones(20)).covariance
    assert torch.equal(covariance, torch.diag(covariance.diagonal()))


def test_the_prior_of_pixels_does_not_depend_on_the_basis_where_the_spectrum_says_nothing():
    turned = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    flat = torch.ones(20, dtype=torch.float64)
    one, other = (
        pictures(from_weights(replace(system(basis), spectrum=flat), torch.ones(SHAPE)), basis)
        for basis in (torch.eye(20, dtype=torch.float64), turned)
    )
    torch.testing.assert_close(one, other)


def test_starts_are_drawn_from_the_prior_with_a_one_for_the_bias():
    prior = from_weights(system(torch.eye(20, dtype=torch.float64)), torch.ones(SHAPE))
    drawn = prior.draw(20_000, torch.Generator().manual_seed(0))
    assert (drawn[:, -1] == 1).all()
    found = torch.cov(drawn[:, :-1].double().T)
    assert (found - prior.covariance).norm() < 0.05 * prior.covariance.norm()


def test_precision_is_the_inverse_and_leaves_the_bias_free():
    prior = from_weights(system(torch.eye(20, dtype=torch.float64)), torch.ones(SHAPE))
    torch.testing.assert_close(prior.precision[:-1, :-1] @ prior.covariance, torch.eye(20, dtype=torch.float64))
    assert not prior.precision[-1].any()
    assert not prior.precision[:, -1].any()
