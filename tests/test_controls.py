"""Answers that reveal nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reconstruction.controls import mean_image, scored, scramble, scrambled_candidates
from reconstruction.deployed import Deployed
from reconstruction.matching import nearest_by_channel, nearest_by_ncc, reconstructions
from reconstruction.network import initialise
from reconstruction.store import Stored
from science_helpers import generator, normal, orthonormal, uniform

SHAPE = (1, 6, 6)


def stored(**arrays):
    return Stored(Path("file.h5"), {name.replace("__", "/"): array for name, array in arrays.items()}, {}, {}, {}, "")


@pytest.fixture
def images():
    return uniform(10, *SHAPE).float().numpy()


@pytest.fixture
def model(images):
    network = initialise(36, [50], 1.0, generator(0)).to(dtype=torch.float32)
    return Deployed(network, images.mean(0), stored())


def spread_along(directions, coordinates):
    return (coordinates @ directions.T).std(0)


@pytest.fixture
def coordinates():
    """Candidates whose spread falls from 5 to 0.01 along random directions, about a mean that is not 0."""
    rotation = orthonormal(8, 8, seed=4)
    drawn = normal(4000, 8) * torch.logspace(0.7, -2, 8).double() + 1
    return (drawn @ rotation).float().numpy()


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


def test_scrambled_candidates_of_a_subspace_lie_in_it_with_the_candidates_spread(model, coordinates):
    basis = orthonormal(8, 36, seed=5).float().numpy()
    candidates = stored(candidates__coordinates=coordinates, basis=basis)
    drawn = scrambled_candidates(candidates, model, 0)[:].numpy()
    assert drawn.shape == (4000, 36)
    assert drawn @ basis.T @ basis == pytest.approx(drawn, abs=1e-4)
    assert spread_along(basis, drawn) == pytest.approx(coordinates.std(0), rel=0.1)


def test_scrambled_candidates_in_pixels_have_the_candidates_spread_along_the_weights_singular_vectors(model):
    candidates = (normal(4000, 36) * torch.linspace(0.1, 3, 36).double()).float().numpy()
    drawn = scrambled_candidates(stored(candidates__coordinates=candidates), model, 0)[:].numpy()
    directions = np.linalg.svd(model.network.weights[0].numpy(), full_matrices=True)[2]
    assert spread_along(directions, drawn) == pytest.approx(spread_along(directions, candidates), rel=0.1)
    assert np.abs(np.corrcoef(directions @ drawn.T) - np.eye(36)).max() < 0.1


def test_scrambled_candidates_are_scored_as_a_reconstruction_is(model, images):
    candidates = stored(candidates__coordinates=normal(50, 36).float().numpy())
    drawn = scrambled_candidates(candidates, model, 7)
    control = scored(images, images[::-1].copy(), model, drawn, drawn)
    drawn = drawn[:]
    inputs = torch.from_numpy((images - model.mean).reshape(10, -1))
    assert control.ncc == pytest.approx(np.corrcoef(inputs, drawn)[:10, 10:].max(1), abs=1e-4)
    assert control.held_out_ncc == pytest.approx(control.ncc[::-1])
    assert control.scrambled_ncc.tolist() == control.ncc.tolist()
    chosen = drawn[nearest_by_channel(inputs, drawn, SHAPE).index].view(-1, *SHAPE).numpy()
    assert control.ssim == pytest.approx(reconstructions(images, model.mean, chosen).ssim[3])


def test_the_mean_image_scores_no_ncc(model, images):
    control = mean_image(images, images[:4], model)
    assert control.ncc.tolist() == [0] * 10
    assert nearest_by_ncc(model.inputs(images), torch.zeros(1, 36)).score.tolist() == control.ncc.tolist()


def test_the_mean_image_is_shown_stretched_for_every_image(model, images):
    shown = (model.mean - model.mean.min()) / (model.mean.max() - model.mean.min())
    nothing = np.zeros(SHAPE, np.float32)
    expected = reconstructions(images, nothing, np.broadcast_to(shown, images.shape).copy()).ssim[3]
    assert mean_image(images, images[:4], model).ssim == pytest.approx(expected, abs=1e-5)
    alike = np.concatenate([images[:9], shown[None]])
    assert mean_image(alike, images, model).ssim[9] == pytest.approx(1, abs=1e-4)
