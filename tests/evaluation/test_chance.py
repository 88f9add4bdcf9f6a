"""Random candidates in an answer's search space."""

import numpy as np
import pytest
import torch
from reconstruction.evaluation.chance import Chance, draws, scramble
from reconstruction.evaluation.matching import by_restart, nearest_by_ncc
from reconstruction.evaluation.thresholds import threshold
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import initialise
from science_helpers import generator, normal, orthonormal, stored


@pytest.fixture(scope="module")
def model():
    network = initialise(36, [50], 1.0, generator(0)).to(dtype=torch.float32)
    return Deployed(network, np.zeros((1, 6, 6), np.float32), stored())


def spread_along(directions, coordinates):
    return (coordinates @ directions.T).std(0)


@pytest.fixture(scope="module")
def coordinates():
    """Candidates whose spread falls from 5 to 0.01 along random directions, about a mean that is not 0."""
    rotation = orthonormal(8, 8, seed=4)
    drawn = normal(4000, 8) * torch.logspace(0.7, -2, 8).double() + 1
    return (drawn @ rotation).float().numpy()


@pytest.fixture(scope="module")
def chance(model, coordinates):
    basis = orthonormal(8, 36, seed=5).float().numpy()
    return Chance.of_candidates(stored(candidates__coordinates=coordinates[:60], basis=basis), model, 0)


def test_scrambling_keeps_the_spread_along_each_direction(coordinates):
    directions = orthonormal(8, 8, seed=3).float().numpy()
    spread = spread_along(directions, coordinates)
    drawn = scramble(spread, len(coordinates), 0)
    assert drawn.shape == coordinates.shape
    assert drawn.dtype == np.float32
    assert drawn.std(0) == pytest.approx(spread, rel=0.1)
    assert drawn.mean(0) == pytest.approx(0, abs=0.3)
    together = np.corrcoef(drawn.T)
    assert np.abs(together - np.eye(8)).max() < 0.1


def test_scrambling_follows_from_its_seed(coordinates):
    first, again, other = (scramble(coordinates.std(0), 4000, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).any(1).all()


def test_draws_in_a_subspace_lie_in_it_with_the_candidates_spread(model, coordinates):
    basis = orthonormal(8, 36, seed=5).float().numpy()
    drawn = Chance.of_candidates(stored(candidates__coordinates=coordinates, basis=basis), model, 0).draw(0)[:].numpy()
    assert drawn.shape == (4000, 36)
    assert drawn @ basis.T @ basis == pytest.approx(drawn, abs=1e-4)
    assert spread_along(basis, drawn) == pytest.approx(coordinates.std(0), rel=0.1)


def test_draws_in_pixels_have_the_candidates_spread_along_the_weights_singular_vectors(model):
    candidates = (normal(4000, 36) * torch.linspace(0.1, 3, 36).double()).float().numpy()
    drawn = Chance.of_candidates(stored(candidates__coordinates=candidates), model, 0).draw(0)[:].numpy()
    directions = np.linalg.svd(model.network.weights[0].numpy(), full_matrices=True)[2]
    assert spread_along(directions, drawn) == pytest.approx(spread_along(directions, candidates), rel=0.1)
    assert np.abs(np.corrcoef(directions @ drawn.T) - np.eye(36)).max() < 0.1


def test_mixtures_have_the_covariance_of_sums_of_the_images(model):
    images = normal(6, 36, seed=2).float()
    drawn = Chance.of_images(images, 20_000, model, 0).draw(0)[:]
    assert np.cov(drawn.T, bias=True) == pytest.approx((images.T @ images / 6).numpy(), abs=0.05)
    assert np.linalg.matrix_rank(drawn.numpy(), tol=1e-2) == 6


def test_draws_differ_by_number_and_by_seed(model):
    candidates = stored(candidates__coordinates=normal(20, 36).float().numpy())
    drawn = [
        Chance.of_candidates(candidates, model, seed).draw(number).coordinates for seed in (0, 1) for number in (0, 1)
    ]
    assert all(not np.isclose(drawn[i], drawn[j]).any(1).all() for i in range(4) for j in range(i))


@pytest.mark.parametrize(
    ("images", "rate", "expected"),
    [(1, 0.01, 1000), (50, 0.01, 20), (499, 0.01, 3), (500, 0.01, 2), (5000, 0.01, 1), (500, 0.001, 20), (50, 0.3, 1)],
)
def test_as_many_draws_as_let_ten_scores_pass(images, rate, expected):
    assert draws(images, rate) == expected
    scores = np.random.default_rng(0).uniform(size=(expected, images))
    assert (scores > threshold(scores.ravel(), rate)).sum() >= 10


def test_scores_are_those_of_the_nearest_of_each_draw(chance):
    images = normal(250, 36, seed=1).float()
    scores = chance.scores(images, 0.01)
    assert scores.shape == (4, 250)
    for number, found in enumerate(scores):
        assert found.tolist() == nearest_by_ncc(images, chance.draw(number)).score.tolist()


def test_restarts_share_a_draw_as_they_share_the_candidates(chance):
    images, own = normal(250, 36, seed=1).float(), by_restart(np.repeat([3, 7, 8], 20))
    scores = chance.scores_by_restart(images, 0.01, own)
    assert scores.shape == (3, 4, 250)
    assert scores.max(0) == pytest.approx(chance.scores(images, 0.01), abs=1e-6)
    second = nearest_by_ncc(images, chance.draw(2)[20:40])
    assert scores[1, 2] == pytest.approx(second.score, abs=1e-6)


def test_a_further_draw_passes_the_threshold_at_its_rate(chance):
    images = normal(50, 36, seed=1).float()
    limit = threshold(chance.scores(images, 0.05).ravel(), 0.05)
    further = np.stack([nearest_by_ncc(images, chance.draw(100 + number)).score for number in range(40)])
    assert (further > limit).mean() == pytest.approx(0.05, abs=0.02)
