"""The span of the data, and what a first layer reveals of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.subspace import NoSubspace, rank_above_noise, weight_span
from reconstruction.configuration import Model, Training
from reconstruction.models.mlp import initialise
from reconstruction.training.fit import data_span, fit
from science_helpers import alternating, generator, normal, orthonormal, properties, relative


def projector(basis):
    return basis.T @ basis


@properties
@given(st.integers(1, 12), st.integers(2, 20), st.integers(1, 12), st.integers(0, 99))
def test_the_span_of_the_data_holds_the_data_and_no_more(count, size, rank, seed):
    rank = min(rank, count, size)
    inputs = normal(count, rank, seed=seed) @ orthonormal(rank, size, seed=seed + 1)
    basis = data_span(inputs)
    assert basis.shape == (rank, size)
    torch.testing.assert_close(basis @ basis.T, torch.eye(rank).double())
    torch.testing.assert_close(inputs @ projector(basis), inputs)


def test_subtracting_the_mean_costs_one_dimension():
    inputs = normal(6, 20)
    assert len(data_span(inputs)) == 6
    assert len(data_span(inputs - inputs.mean(0))) == 5


@properties
@given(st.integers(1, 10), st.integers(14, 40), st.integers(30, 60), st.integers(0, 99))
def test_the_row_space_is_found_above_the_noise_of_a_small_initialisation(rank, units, size, seed):
    basis = orthonormal(rank, size, seed=seed)
    planted = orthonormal(rank, units, seed=seed + 1).T * torch.linspace(1, 2, rank).double() @ basis
    found = weight_span(planted + 1e-4 * normal(units, size, seed=seed + 2))
    assert found.shape == (rank, size)
    assert relative(projector(found), projector(basis)) < 0.01


def test_a_trained_first_layer_reveals_the_span_of_its_data():
    inputs = normal(8, 40)
    inputs = inputs - inputs.mean(0)
    settings = Model(hidden=[60, 20], training=Training(target_loss=1e-6, steps=5000))
    network, curve = fit(settings, inputs, alternating(8), torch.device("cpu"))
    assert curve[-1].loss <= 1e-6
    found, expected = weight_span(network.weights[0].float()), data_span(inputs)
    assert found.dtype == torch.float64
    assert found.shape == expected.shape
    assert relative(projector(found), projector(expected)) < 0.02


@pytest.mark.parametrize(("size", "units"), [(60, 20), (20, 60), (40, 30), (40, 40), (100, 100)])
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_with_a_default_initialisation_has_no_subspace(size, units, seed):
    first_layer = initialise(size, [units], size**-0.5, generator(seed)).weights[0]
    with pytest.raises(NoSubspace, match="did not begin near zero"):
        weight_span(first_layer)


def test_a_given_rank_is_taken_whatever_the_spectrum():
    first_layer = normal(20, 30)
    found = weight_span(first_layer, 7)
    assert found.shape == (7, 30)
    kept = (first_layer @ found.T).square().sum()
    torch.testing.assert_close(kept, torch.linalg.svdvals(first_layer)[:7].square().sum())


@pytest.mark.parametrize("shape", [(40, 60), (200, 30), (100, 100)])
@pytest.mark.parametrize("rank", [1, 5, 12])
def test_the_rank_ends_where_the_noise_begins(shape, rank):
    left, right = orthonormal(rank, shape[0], seed=1), orthonormal(rank, shape[1], seed=2)
    noise = 0.01
    edge = noise * (shape[0] ** 0.5 + shape[1] ** 0.5)
    strong = 20 * edge * torch.logspace(0, 2, rank, dtype=torch.float64)
    matrix = left.T @ (strong[:, None] * right) + noise * normal(*shape, seed=3)
    assert rank_above_noise(matrix) == rank


def test_without_noise_the_rank_is_that_of_the_matrix():
    matrix = normal(20, 4) @ normal(4, 30, seed=1)
    assert rank_above_noise(matrix) == 4
    assert rank_above_noise(torch.zeros(20, 30)) == 0


@properties
@given(st.sampled_from([(40, 60), (200, 30), (100, 100), (300, 200)]), st.integers(0, 99))
def test_noise_has_no_rank(shape, seed):
    assert rank_above_noise(normal(*shape, seed=seed)) == 0


@properties
@given(st.integers(4, 12), st.floats(1e-8, 3e-3), st.integers(0, 99))
def test_noise_in_proportion_to_the_weights_is_noise(rank, noise, seed):
    """As rounding is, of units whose norms span a hundred, and of images whose traces do."""
    spans = (torch.logspace(0, -2, count, dtype=torch.float64)[:, None] for count in (120, rank))
    units, traces = next(spans), next(spans)
    matrix = units * (orthonormal(rank, 120, seed=seed).T @ (traces * orthonormal(rank, 80, seed=seed + 1)))
    noisy = matrix * (1 + noise * normal(120, 80, seed=seed + 2))
    assert rank_above_noise(noisy) in (rank, rank - 1)
    assert rank_above_noise(matrix.float()) == rank


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounding_does_not_raise_the_rank(dtype):
    matrix = normal(200, 8) @ torch.diag(torch.logspace(0, -1, 8).double()) @ orthonormal(8, 90, seed=1)
    assert rank_above_noise(matrix.to(dtype)) == 8


def test_eight_bits_leave_what_stands_above_them():
    matrix = normal(200, 8) @ torch.diag(torch.logspace(0, -3, 8).double()) @ orthonormal(8, 90, seed=1)
    matrix[50:] = 0
    step = matrix.abs().max() / 127
    assert 3 <= rank_above_noise((matrix / step).round() * step) <= 6
