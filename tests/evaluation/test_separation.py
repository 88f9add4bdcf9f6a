"""AUC and rates against counting by hand, and how often their intervals hold the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation.separation import area, true_positive_rate
from science_helpers import properties
from scipy.stats import beta, norm

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=40).map(lambda drawn: np.array(drawn, float))


@properties
@given(SCORES, SCORES)
def test_the_auc_is_the_share_of_pairs_in_order(members, others):
    found = area(members, others)
    pairs = [(a > b) + (a == b) / 2 for a in members for b in others]
    assert found.value == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = area(others, members)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))


@properties
@given(SCORES, SCORES, st.floats(0.001, 0.999))
def test_the_rate_is_that_of_the_loosest_threshold_within_the_false_positives(members, others, rate):
    found = true_positive_rate(members, others, rate)
    allowed = [limit for limit in others if sum(others > limit) <= rate * len(others) + 1e-9]
    told = sum(members > min(allowed))
    assert found.value == told / len(members)
    assert found.low == pytest.approx(beta.ppf(0.025, told, len(members) - told + 1) if told else 0)
    assert found.high == pytest.approx(beta.ppf(0.975, told + 1, len(members) - told) if told < len(members) else 1)


def test_an_interval_has_a_width_where_every_member_is_told():
    few, many = (area(np.ones(count), np.zeros(count)) for count in (5, 500))
    assert few.high == many.high == 1
    assert few.low < 0.9 < many.low < 1


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_of_the_auc_holds_the_truth_as_often_as_it_says(shift):
    random, truth = np.random.default_rng(0), norm.cdf(shift / math.sqrt(2))
    drawn = [area(random.standard_normal(40) + shift, random.standard_normal(50)) for _ in range(300)]
    assert 0.92 < np.mean([found.low <= truth <= found.high for found in drawn]) <= 1
