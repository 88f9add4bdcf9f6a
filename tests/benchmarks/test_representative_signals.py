"""The leave-one-out increase of benchmarks/representative_signals.py, against recomputation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.search.reference import stationarity_residuals
from reconstruction.models.mlp import Network
from representative_signals import leave_one_out
from science_helpers import alternating, normal, properties, random_network, uniform

COUNT, SIZE = 6, 5


@properties
@given(st.lists(st.integers(1, 8), min_size=1, max_size=3), st.floats(1, 200), st.booleans(), st.integers(0, 99))
def test_the_increase_is_what_the_residual_without_a_candidate_has_more(hidden, alpha, biased, seed):
    network = random_network(SIZE, hidden, seed)
    if not biased:
        network = Network(network.weights, None)
    candidates, lambdas, labels = normal(COUNT, SIZE, seed=seed), uniform(COUNT, seed=seed), alternating(COUNT)
    found = leave_one_out(network, candidates, lambdas, labels, alpha)

    def first_layer(weights):
        return stationarity_residuals(network, candidates, weights, labels, alpha)[0].item()

    whole = first_layer(lambdas)
    for left_out in range(COUNT):
        without = torch.where(torch.arange(COUNT) == left_out, 0, lambdas)
        assert found[left_out].item() == pytest.approx(first_layer(without) - whole, rel=1e-6, abs=1e-9)
