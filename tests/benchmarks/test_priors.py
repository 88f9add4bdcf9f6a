"""How the benchmark of priors judges candidates."""

import numpy as np
import pytest
import torch
from priors import judged
from problems import Images, images_of
from reconstruction.attack.plan import choose
from reconstruction.configuration import Dataset, Restarts
from reconstruction.evaluation.thresholds import cross_fitted_hits
from science_helpers import alternating, normal, random_network

SHAPE = (1, 8, 8)


@pytest.fixture
def problem():
    """A first layer whose rows are mixtures of the training images, and so an attack in their span."""
    pictures = np.random.default_rng(0).random((70, 64)).astype(np.float32)
    mean = pictures[:30].mean(0)
    training, held_out = (torch.from_numpy(part - mean) for part in (pictures[:30], pictures[30:]))
    images = Images(training, alternating(30), held_out, alternating(40).int(), mean.reshape(SHAPE))
    network = random_network(64, [50])
    first = 1e-2 * normal(50, 30) @ training.double()
    network = type(network)([first, *network.weights[1:]], *list(vars(network).values())[1:])
    return network, choose(network, Restarts(candidates=60, method="subspace", subspace={"rank": 29})), images


def test_the_images_themselves_are_all_told(problem):
    network, attack, images = problem
    row = judged(attack.method.space.coordinates(images.training.double()).float(), attack, network, images)
    assert row["above NCC 0.9"] == row["told by NCC"] == "30"
    assert row["NCC, 10 best"].startswith("1.000 (0.")
    assert row["hits"].startswith("30 (")
    assert float(row["SSIM, clamp"].split()[0]) > 0.99


def test_random_candidates_tell_none(problem):
    network, attack, images = problem
    row = judged(normal(60, 29).float(), attack, network, images)
    assert row["above NCC 0.9"] == row["told by NCC"] == "0"


def test_held_out_images_are_halved_within_each_label():
    """Labels that were numbers would pass for targets, which count as one label."""
    images = images_of(Dataset(source={"kind": "faces"}, labels={"rule": "alternating"}, per_label=5))
    scores = np.where(images.held_out_labels.numpy() > 0, 1.0, 0.0) + np.arange(10) / 100
    assert cross_fitted_hits(scores, images.held_out_labels.numpy(), 0.2).sum() < 5
