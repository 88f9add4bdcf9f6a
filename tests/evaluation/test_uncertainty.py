"""Scores resampled: identities, known standard errors, and the last point of the growth curve."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Evaluation
from reconstruction.evaluation.discoveries import Compared
from reconstruction.evaluation.scores import ByRestart, PartScores, Scores, summarise
from reconstruction.evaluation.uncertainty import growth, intervals
from science_helpers import properties

DRAWS = 3
SETTINGS = Evaluation(false_positive_rate=0.05)


def part(by_restart, seed):
    random, count = np.random.default_rng(seed), by_restart.shape[1]
    return PartScores(
        labels=np.where(np.arange(count) % 2, 1, -1),
        ncc=by_restart.max(0),
        expected=random.uniform(-1, 1, count),
        **{
            name: random.uniform(0, 1, count)
            for name in ("one_to_one", "ssim3", "ssim3_clamp", "ssim3_one_contrast", "ssim11", "l2")
        },
    )


def problem(count=40, restarts=4, seed=0):
    """Random scores, and those of each restart."""
    random = np.random.default_rng(seed + 1000)
    by_restart = ByRestart(
        *random.uniform(-1, 1, (2, restarts, count)), random.uniform(-1, 1, (restarts, DRAWS, count))
    )
    parts = part(by_restart.training, seed), part(by_restart.held_out, seed + 1)
    ssim, scrambled = random.uniform(0, 1, count), by_restart.scrambled.max(0)
    plain = Compared(parts[0].ncc, parts[1].ncc, {"scrambled": scrambled})
    excess = Compared(*random.uniform(-1, 1, (2, count)), {"scrambled": random.uniform(-1, 1, (DRAWS, count))})
    return Scores(*parts, ssim, scrambled, plain, excess, plain.training), by_restart


def scores(count=40, restarts=4, seed=0):
    return problem(count, restarts, seed)[0]


@properties
@given(st.integers(4, 60), st.integers(1, 5), st.integers(0, 99))
def test_choosing_everything_in_any_order_changes_nothing(count, restarts, seed):
    given, by_restart = problem(count, restarts, seed)
    random = np.random.default_rng(seed)
    value = summarise(given, SETTINGS)
    shuffled = by_restart.only(random.permutation(restarts), given)
    assert summarise(shuffled, SETTINGS) == pytest.approx(value, nan_ok=True)
    order = random.permutation(count)
    moved = summarise(given.images(order, np.arange(count)), SETTINGS)
    assert moved == pytest.approx(value, nan_ok=True)


def test_hits_lie_above_both_thresholds():
    given = scores(200, 3)
    row = summarise(given, SETTINGS)
    limit = max(np.sort(given.held_out.ncc)[::-1][10], np.sort(given.scrambled.ravel())[::-1][10 * DRAWS])
    assert row["ncc_threshold"] == limit
    assert row["ncc_hits"] == (given.training.ncc > limit).sum()


@pytest.mark.parametrize(("count", "known"), [(999, False), (1000, True)])
def test_one_in_a_thousand_needs_a_thousand(count, known):
    given = scores(count, 1)
    row = summarise(given, SETTINGS)
    assert math.isnan(row["ncc_hits_strict"]) is not known
    if known:
        limit = max(np.sort(given.held_out.ncc)[-2], np.sort(given.scrambled.ravel())[-1 - DRAWS])
        assert row["ncc_hits_strict"] == (given.training.ncc > limit).sum()
        assert row["ncc_hits_strict"] <= row["ncc_hits"]


def test_an_interval_over_images_has_the_standard_errors_width():
    given, by_restart = problem(400, 2)
    found = intervals(given, by_restart, SETTINGS)["ssim_mean"]
    error = given.training.ssim3.std() / math.sqrt(400)
    assert found["images_low"] < found["value"] < found["images_high"]
    assert found["images_high"] - found["images_low"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert "restarts_low" not in found


def test_one_restart_says_nothing_of_others():
    for ends in intervals(*problem(restarts=1), SETTINGS).values():
        assert set(ends) == {"value", "images_low", "images_high"}


@pytest.mark.parametrize("restarts", [2, 3, 12])
def test_an_interval_over_restarts_holds_the_value(restarts):
    found = intervals(*problem(restarts=restarts), SETTINGS)
    for name in ("ncc_threshold_scrambled", "ncc_hits", "ncc_held_out_hits", "ncc_median"):
        ends = found[name]
        assert ends["restarts_low"] <= ends["value"] <= ends["restarts_high"]
        if "hits" in name:
            assert 0 <= ends["restarts_low"] == round(ends["restarts_low"])
            assert 40 >= ends["restarts_high"] == round(ends["restarts_high"])
    assert found["ncc_median"]["restarts_low"] < found["ncc_median"]["value"] < found["ncc_median"]["restarts_high"]


def test_two_restarts_differ_by_an_interval_about_both():
    given, by_restart = problem(restarts=2)
    alone = [summarise(by_restart.only(np.array([number]), given), SETTINGS)["ncc_median"] for number in (0, 1)]
    ends = intervals(given, by_restart, SETTINGS)["ncc_median"]
    assert ends["value"] - ends["restarts_low"] == pytest.approx(abs(alone[0] - alone[1]) / 2)
    assert ends["restarts_high"] - ends["value"] == pytest.approx(abs(alone[0] - alone[1]) / 2)


def test_an_interval_over_restarts_is_as_wide_as_the_spread_over_sweeps_drawn_anew():
    sweeps = [problem(restarts=20, seed=seed) for seed in range(60)]
    spread = 2 * 1.96 * np.std([summarise(given, SETTINGS)["ncc_median"] for given, _ in sweeps])
    ends = [intervals(*sweep, SETTINGS)["ncc_median"] for sweep in sweeps[:8]]
    width = np.mean([found["restarts_high"] - found["restarts_low"] for found in ends])
    assert spread < width < 2.5 * spread  # halves of a pool of largest scores spread more than the pool does


@pytest.mark.parametrize("restarts", [1, 2, 7, 64])
def test_growth_ends_at_what_all_restarts_find(restarts):
    given, by_restart = problem(restarts=restarts)
    found = growth(given, by_restart, SETTINGS)
    assert found.restarts[0] == 1
    assert found.restarts[-1] == restarts
    assert found.hits[-1].tolist() == [summarise(given, SETTINGS)["ncc_hits"]] * 3
    assert (found.hits[:, 1] <= found.hits[:, 0]).all()
    assert (found.hits[:, 0] <= found.hits[:, 2]).all()
    single = [summarise(by_restart.only(np.array([number]), given), SETTINGS)["ncc_hits"] for number in range(restarts)]
    assert min(single) <= found.hits[0, 0] <= max(single)


def test_expecting_the_same_of_every_image_changes_no_hit():
    given = scores(200, 3)
    alike = replace(
        given,
        training=replace(given.training, expected=np.full(200, 0.3)),
        held_out=replace(given.held_out, expected=np.full(200, 0.3)),
    )
    row = summarise(alike, SETTINGS)
    assert row["calibrated_hits"] == row["ncc_hits"]
    assert row["calibrated_held_out_hits"] == row["ncc_held_out_hits"]


def test_an_image_that_matches_anything_is_no_calibrated_hit():
    given = scores(200, 1)
    smooth = np.where(np.arange(200) < 50, 0.9, 0.0)  # a quarter of either part
    rare = np.where((np.arange(200) >= 50) & (np.arange(200) < 80), 0.6, 0.0)  # 30 images that came back, faintly
    parts = [
        replace(part, expected=smooth, ncc=np.maximum(smooth, found) + noise)
        for part, found, noise in (
            (given.training, rare, 0.01 * given.training.ncc),
            (given.held_out, 0 * rare, 0.01 * given.held_out.ncc),
        )
    ]
    row = summarise(replace(given, training=parts[0], held_out=parts[1], scrambled=0 * given.scrambled), SETTINGS)
    assert row["ncc_hits"] < 20
    assert 30 <= row["calibrated_hits"] <= 50  # and some that pass by chance


def test_without_other_networks_nothing_is_expected():
    given = scores()
    blank = replace(given, training=replace(given.training, expected=np.full(40, np.nan)))
    assert math.isnan(summarise(blank, SETTINGS)["calibrated_hits"])
