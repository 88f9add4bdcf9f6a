"""The denoiser as a prior of the benchmark."""

import numpy as np
import pytest
import torch
from denoiser import NOISES, Denoiser, Denoising, learn, network, scaled
from reconstruction.attack.search.priors import Pixels
from reconstruction.models.space import Space
from science_helpers import normal, orthonormal, relative

SHAPE = (2, 6, 6)


@pytest.fixture
def denoiser():
    torch.manual_seed(0)
    return Denoiser(network(2).requires_grad_(False), 3.0)


def spots(count, seed):
    """Pictures of one bright square each."""
    pictures = np.full((count, 1, 8, 8), 0.2, np.float32)
    for picture, (row, column) in zip(pictures, np.random.default_rng(seed).integers(0, 6, (count, 2)), strict=True):
        picture[:, row : row + 3, column : column + 3] = 0.8
    return pictures


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_it_learns_to_tell_noise_in_images_that_it_has_not_seen(noise):
    pictures, mean = spots(50, 0), spots(50, 0).mean(0)
    learnt, left = learn(pictures, mean, noise, 60)
    generator = torch.Generator().manual_seed(1)
    clean, others = (scaled(torch.from_numpy(spots(20, seed) - mean), 1) for seed in (1, 2))
    noise_added = 0.7 * scaled(noise(others, generator), 1)
    found = learnt.noise(clean + noise_added)
    assert left < 0.8
    assert (found - noise_added).norm() < 0.9 * noise_added.norm()


def test_contrast_changes_nothing(denoiser):
    pictures = normal(3, 4, *SHAPE).float()
    assert relative(denoiser.noise(5 * pictures), 5 * denoiser.noise(pictures)) < 1e-6


def test_the_gradient_is_the_noise_within_the_subspace_and_held_for_a_while(denoiser):
    basis = orthonormal(5, 72).float()
    pixels, coordinates = Pixels(torch.zeros(SHAPE), torch.ones(SHAPE)), normal(2, 3, 5).float()
    gradient = Denoising("", 0.25, 0, 1, pixels, denoiser, every=2).gradient(Space(basis), coordinates, torch.float32)

    def noise(some):
        return denoiser.noise((some @ basis).unflatten(-1, SHAPE)).flatten(-3) @ basis.T

    step = 0.1 * normal(2, 3, 5, seed=1).float()
    assert relative(gradient(coordinates), 0.25 * noise(coordinates)) < 1e-5
    assert relative(gradient(coordinates + step), 0.25 * (noise(coordinates) + step)) < 1e-5
    assert relative(gradient(coordinates + step), 0.25 * noise(coordinates + step)) < 1e-5
