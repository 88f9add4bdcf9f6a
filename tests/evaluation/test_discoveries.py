"""Discoveries against counting by hand, where the truth is known, and where there is nothing to discover."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation.chance import Chance, Shuffled
from reconstruction.evaluation.discoveries import fewest, is_discovery, p_values
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import initialise
from science_helpers import generator, orthonormal, properties, stored

SCORES = st.lists(st.integers(0, 20), min_size=1, max_size=30).map(lambda drawn: np.array(drawn, float))


@properties
@given(SCORES, st.lists(SCORES, min_size=1, max_size=3), st.floats(0.01, 0.9))
def test_a_threshold_is_chosen_whose_worst_null_explains_the_rate_at_most(scores, nulls, rate):
    def explained(limit):
        """Of the images that reach a limit, the share that the worst null makes up."""
        worst = max((1 + sum(value >= limit for value in null)) / (1 + len(null)) for null in nulls)
        return len(scores) * worst / sum(scores >= limit)

    limits = [limit for limit in scores if explained(limit) <= rate + 1e-9]
    expected = scores >= min(limits, default=math.inf)
    assert is_discovery(scores, nulls, rate).tolist() == expected.tolist()


@properties
@given(SCORES, SCORES, SCORES)
def test_another_null_discovers_nothing_more(scores, null, other):
    assert not (is_discovery(scores, [null, other], 0.3) & ~is_discovery(scores, [null], 0.3)).any()
    assert (p_values(scores, [null, other]) >= p_values(scores, [other])).all()


@properties
@given(st.integers(1, 60), st.integers(1, 200), st.floats(0.01, 0.5))
def test_no_fewer_can_be_discovered(images, null, rate):
    """With as many images above all others of a null, and with one fewer."""
    least = fewest(images, [np.zeros(null)], rate)
    for found in {min(least, images), min(least - 1, images)}:
        scores = np.where(np.arange(images) < found, 1.0, -1.0)
        assert is_discovery(scores, [np.zeros(null)], rate).sum() == (found if found >= least else 0)


def test_the_share_of_false_discoveries_is_what_is_stated():
    """Of 100 images 40 came back; the others score as held-out images do, and a second null is weaker."""
    random, shares, powers = np.random.default_rng(0), [], []
    for _ in range(400):
        scores = random.standard_normal(100)
        scores[:40] += 3
        found = is_discovery(scores, [random.standard_normal(100), random.standard_normal((5, 100)) - 1], 0.1)
        shares.append(found[40:].sum() / max(found.sum(), 1))
        powers.append(found[:40].mean())
    assert 0.02 < np.mean(shares) < 0.1
    assert np.mean(powers) > 0.6


@pytest.mark.parametrize("kind", [Chance, Shuffled])
def test_candidates_that_know_nothing_discover_nothing(kind):
    """Random ones in the span of the training images, where each of these beats held-out images by far."""
    random, claims, by_held_out = np.random.default_rng(0), [], []
    network = initialise(144, [50], 1.0, generator(0)).to(dtype=torch.float32)
    model = Deployed(network, np.zeros((1, 12, 12), np.float32), stored())
    basis = orthonormal(15, 144, seed=5).float().numpy()
    images = torch.from_numpy((random.standard_normal((40, 15)) @ basis).astype(np.float32))
    held_out = torch.from_numpy(random.standard_normal((60, 144)).astype(np.float32))
    for seed in range(20):
        coordinates = (random.standard_normal((50, 15)) * np.geomspace(3, 0.3, 15)).astype(np.float32)
        candidates = stored(candidates__coordinates=coordinates, basis=basis)
        answer = kind.of_candidates(candidates, model, seed).draw(1000)
        scores, held = (nearest_by_ncc(some, answer).score for some in (images, held_out))
        nulls = [null.of_candidates(candidates, model, seed).scores(images, 0.05) for null in (Chance, Shuffled)]
        claims.append(is_discovery(scores, [held, *nulls]).any())
        by_held_out.append(is_discovery(scores, [held]).mean())
    assert np.mean(claims) <= 0.05
    assert np.mean(by_held_out) > 0.9
