"""Signals of candidates against plain definitions, and what may not change a ranking."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.merging import ranking
from reconstruction.merging.ranking import Signals, measure, score
from reconstruction.models.mlp import Network
from science_helpers import alternating, forward, normal, properties, random_network, uniform

COUNT, SIZE = 12, 9
LABELS = alternating(COUNT).numpy().astype(np.int8)
INPUTS = normal(COUNT, SIZE, seed=4).float().numpy()


@properties
@given(st.lists(st.integers(1, 8), min_size=1, max_size=3), st.integers(0, 99), st.integers(1, 20))
def test_signals_are_those_of_each_candidate_alone(hidden, seed, block):
    network = random_network(SIZE, hidden, seed).to(dtype=torch.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK", block)
        found = measure(network, INPUTS, LABELS, np.arange(COUNT))
    for k, candidate in enumerate(torch.from_numpy(INPUTS)):
        last = (network.weights[0] @ candidate + network.bias).clamp(min=0)
        for weight in network.weights[1:-1]:
            last = (weight @ last).clamp(min=0)
        assert found.margins[k] == pytest.approx(forward(network, candidate[None]).item() * LABELS[k], abs=1e-5)
        assert found.responses[k] == pytest.approx((last.norm() / candidate.norm()).item(), abs=1e-5)
    assert found.lambdas.tolist() == list(range(COUNT))


def test_a_candidate_of_zeros_has_a_score_of_nothing():
    network = random_network(SIZE, [7]).to(dtype=torch.float32)
    found = measure(network, np.zeros((2, SIZE), np.float32), np.array([-1, 1], np.int8), np.ones(2))
    assert np.isfinite(score(np.ones(2), found)).all()
    assert score(np.ones(2), found) == pytest.approx(0, abs=1e-6)


def test_a_response_too_small_for_its_precision_scores_nothing():
    found = Signals(np.ones(2), np.array([1e-30, 1.0]), np.array([0.0, 0.5]))
    assert score(np.ones(2), found).tolist() == [0, 2]


def test_medians_are_over_the_members_of_each_cluster():
    drawn = np.random.default_rng(0).standard_normal((3, 7))
    membership = np.array([1, 0, 1, 1, 0, 2, 1])
    found = Signals(*drawn).medians(membership)
    for values, expected in zip(vars(found).values(), drawn, strict=True):
        assert values == pytest.approx([np.median(expected[membership == cluster]) for cluster in range(3)])


@properties
@given(st.integers(0, 99), st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_ranking_knows_neither_the_unit_of_inputs_nor_that_of_the_weights(seed, unit, scale):
    network = random_network(SIZE, [8, 6], seed)
    agreement = uniform(COUNT, seed=seed).numpy()

    def ranked(network, inputs):
        return score(agreement, measure(network, inputs, LABELS, np.ones(COUNT)))

    plain = ranked(network, INPUTS)
    other_unit = Network((network.weights[0] / unit, *network.weights[1:]), network.bias)
    rescaled = ranked(other_unit, INPUTS.astype(float) * unit)
    assert rescaled == pytest.approx(plain * unit, rel=1e-4)
    louder = ranked(network.map(lambda parameter: parameter * scale), INPUTS)
    assert np.argsort(louder).tolist() == np.argsort(plain).tolist()


@properties
@given(st.integers(0, 99))
def test_more_agreement_and_less_response_rank_higher(seed):
    drawn = np.random.default_rng(seed)
    agreement, response = drawn.uniform(0.1, 0.9, 5), drawn.uniform(0.1, 2, 5)
    found = score(agreement, Signals(np.ones(5), np.ones(5), response))
    assert (score(agreement + 0.1, Signals(np.ones(5), np.ones(5), response)) > found).all()
    assert (score(agreement, Signals(np.ones(5), np.ones(5), response + 0.1)) < found).all()
    assert score(agreement, Signals(np.ones(5), -np.ones(5), response)).tolist() == [0] * 5
