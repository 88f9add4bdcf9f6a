"""Thresholds and cross-fitted counts against counting by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation.thresholds import Thresholds, cross_fitted_hits, threshold
from science_helpers import properties

SCORES = st.lists(st.floats(-1, 1), min_size=1, max_size=60)
RATES = st.floats(0.001, 0.999)


@properties
@given(SCORES, RATES)
def test_the_threshold_is_a_score_that_at_most_the_rate_of_them_exceeds(scores, rate):
    limit = threshold(np.array(scores), rate)
    assert limit in scores
    assert sum(score > limit for score in scores) <= math.floor(rate * len(scores))


@properties
@given(st.integers(1, 300), RATES, st.integers(0, 99))
def test_exactly_the_rate_of_distinct_scores_exceeds_the_threshold(count, rate, seed):
    scores = np.random.default_rng(seed).permutation(count) / count
    assert (scores > threshold(scores, rate)).sum() == math.floor(rate * count)


@pytest.mark.parametrize(("count", "above"), [(50, 0), (99, 0), (100, 1), (250, 2), (500, 5)])
def test_one_percent_by_hand(count, above):
    scores = np.random.default_rng(0).permutation(np.arange(count, dtype=float))
    assert threshold(scores, 0.01) == count - 1 - above


def test_thresholds_of_scores_and_of_draws():
    drawn = np.random.default_rng(0)
    held_out, scrambled = drawn.uniform(size=50), drawn.uniform(size=(20, 50))
    limits = Thresholds.of(held_out, scrambled, 0.01)
    assert limits == Thresholds(held_out.max(), np.sort(scrambled.ravel())[-11])


def test_a_hit_clears_both_thresholds():
    assert Thresholds(held_out=0.6, scrambled=0.5).both == 0.6
    assert Thresholds(held_out=0.4, scrambled=0.5).both == 0.5


@properties
@given(st.lists(st.tuples(st.floats(-1, 1), st.sampled_from([-1, 1])), min_size=2, max_size=40), RATES)
def test_each_half_is_judged_by_the_other(pairs, rate):
    scores, labels = np.array([score for score, _ in pairs]), np.array([label for _, label in pairs])
    halves, turn = ([], []), {-1: 0, 1: 0}
    for index, label in enumerate(labels.tolist()):
        halves[turn[label] % 2].append(index)
        turn[label] += 1
    found = cross_fitted_hits(scores, labels, rate)
    expected = np.zeros(len(scores), bool)
    for half, other in (halves, halves[::-1]):
        if not halves[1]:
            break
        limit = sorted(scores[other].tolist(), reverse=True)[math.floor(rate * len(other))]
        for index in half:
            expected[index] = scores[index] > limit
    assert found.tolist() == expected.tolist()


def test_scores_that_follow_one_law_pass_at_the_rate():
    drawn, labels = np.random.default_rng(0), np.tile([-1, 1], 250)
    rates = [cross_fitted_hits(drawn.standard_normal(500), labels, 0.1).mean() for _ in range(100)]
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


def test_the_count_can_exceed_the_rate_where_one_half_is_better():
    scores, labels = np.tile([1.0, 1.0, 0.0, 0.0], 10), np.tile([-1, 1], 20)
    assert cross_fitted_hits(scores, labels, 0.01).sum() == 20


def test_a_single_held_out_image_never_passes():
    assert cross_fitted_hits(np.array([1.0]), np.array([1]), 0.5).tolist() == [False]
