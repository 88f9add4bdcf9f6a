"""Scrambled weights keep what the search leans on, and nothing of the images."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation.baselines import invert
from reconstruction.stages.scramble import scramble
from reconstruction.training.fit import data_span
from science_helpers import normal, phi, properties, random_network


@properties
@given(st.lists(st.integers(3, 9), min_size=1, max_size=3), st.integers(0, 99))
def test_layers_keep_their_norms_and_the_first_its_row_space_and_directions(hidden, seed):
    network = random_network(6, hidden, seed)
    network = network.project_inputs(data_span(normal(3, 6, seed=seed))).project_inputs(data_span(normal(6, 3)))
    scrambled = scramble(network, seed)
    assert torch.allclose(scrambled.squared_norms, network.squared_norms)
    first, found = network.weights[0], scrambled.weights[0]
    _, singular, right = torch.linalg.svd(first, full_matrices=False)
    kept = right[singular > 1e-9 * singular[0]]
    assert torch.allclose(found @ kept.T @ kept, found, atol=1e-9)
    assert torch.allclose((found @ kept.T).norm(dim=0), (first @ kept.T).norm(dim=0))
    for before, after in zip(network.weights[1:], scrambled.weights[1:], strict=True):
        assert after.flatten().sort().values.tolist() == before.flatten().sort().values.tolist()


def test_the_seed_decides():
    network = random_network(6, [9, 8])
    once, again, other = (scramble(network, seed) for seed in (1, 1, 2))
    assert all(torch.equal(*pair) for pair in zip(once.parameters, again.parameters, strict=True))
    assert not torch.equal(once.weights[0], other.weights[0])
    assert not torch.equal(once.weights[0], network.weights[0])


def test_inverted_inputs_are_answered_far_more_strongly_than_noise():
    network = random_network(6, [9, 8]).to(dtype=torch.float32)
    found = invert(network, 0.5, 0)
    assert found.abs().max() <= 0.5
    answers = phi(network, found).numpy()
    noise = phi(network, 0.05 * torch.randn(1000, 6, generator=torch.Generator().manual_seed(0))).numpy()
    assert np.median(answers[50:]) > noise.max()
    assert np.median(answers[:50]) < noise.min() or noise.min() >= 0
