"""Showing candidates as pictures: the three rules, and which is taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Evaluation
from reconstruction.evaluation.showing import CONTRAST, RULES, Showing, rule_for, stretch
from science_helpers import normal, properties, stored, uniform

MEAN = uniform(3, 5, 4, seed=1).float().numpy()


@properties
@given(st.integers(0, 999), st.floats(0.01, 100), st.floats(-10, 10))
def test_stretching_undoes_brightness_and_contrast(seed, contrast, brightness):
    images = normal(2, 3, 5, 4, seed=seed).numpy()
    found = stretch(contrast * images + brightness)
    assert found.dtype == np.float32
    assert found.min((1, 2, 3)).tolist() == [0, 0]
    assert found.max((1, 2, 3)).tolist() == [1, 1]
    assert found == pytest.approx(stretch(images), abs=1e-5)


def test_stretching_a_constant_image_leaves_nothing():
    assert not stretch(np.full((1, 1, 3, 3), 0.4, np.float32)).any()


@pytest.mark.parametrize("rule", RULES)
def test_pictures_lie_in_their_range_and_leave_candidates_alone(rule):
    candidates = 3 * normal(4, 3, 5, 4).float().numpy()
    before = candidates.copy()
    shown = Showing(MEAN, 2.0).by(rule, candidates)
    assert shown.dtype == np.float32
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert (candidates == before).all()


def test_clamping_shows_an_image_as_it_is():
    images = uniform(4, 3, 5, 4).float().numpy()
    assert Showing(MEAN, 1.0).by("clamp", images - MEAN) == pytest.approx(images, abs=1e-6)


@properties
@given(st.integers(0, 999), st.floats(0.01, 100))
def test_one_contrast_is_one_norm_about_the_mean_image(seed, contrast):
    candidates, showing = normal(2, 3, 5, 4, seed=seed).float().numpy(), Showing(MEAN / 4 + 0.4, 0.5)
    shown = showing.by("one-contrast", np.float32(contrast) * candidates)
    assert 0 < shown.min() < shown.max() < 1
    assert np.linalg.norm((shown - showing.mean).reshape(2, -1), axis=1) == pytest.approx(0.5, rel=1e-4)
    assert showing.by("one-contrast", candidates) == pytest.approx(shown, abs=1e-5)


def test_no_candidate_is_the_mean_image_by_the_rules_that_keep_it():
    nothing = np.zeros((1, 3, 5, 4), np.float32)
    for rule in ("clamp", "one-contrast"):
        assert Showing(MEAN, 2.0).by(rule, nothing)[0] == pytest.approx(MEAN)


def test_the_contrast_is_a_share_of_public_images_or_that_of_the_median_candidate():
    images = uniform(7, 3, 5, 4).float().numpy()
    norms = [np.linalg.norm(image - MEAN) for image in images]
    assert Showing.among(images, MEAN).norm == pytest.approx(CONTRAST * np.mean(norms), rel=1e-5)
    others = uniform(5, 3, 5, 4, seed=2).float().numpy()
    assert Showing.of(stored(held_out__images=images), MEAN) == Showing.among(images, MEAN)
    with_pool = stored(held_out__images=others, public__images=images)
    assert Showing.of(with_pool, MEAN).norm == pytest.approx(CONTRAST * np.mean(norms), rel=1e-5)
    assert Showing.without_images(np.array([1.0, 5.0, 2.0]), MEAN).norm == 2


def test_the_exact_attacks_contrast_and_a_black_or_white_background_are_kept_and_the_settings_have_the_last_word():
    digits = np.zeros((1, 8, 8), np.float32)
    digits[:, 1:6, 1:6] = 0.4
    assert rule_for(digits, "subspace") == rule_for(1 - digits, "subspace") == "clamp"
    assert rule_for(MEAN, "subspace") == rule_for(MEAN, "published") == "one-contrast"
    assert rule_for(MEAN, "exact") == "clamp"
    assert rule_for(digits, "subspace", Evaluation()) == "clamp"
    assert rule_for(digits, "exact", Evaluation(showing="stretch")) == "stretch"
