"""The one list of quantities, beside what counts and resamples them."""

from dataclasses import replace

import numpy as np
import pytest
from reconstruction.configuration import Evaluation
from reconstruction.evaluation.discoveries import Compared
from reconstruction.evaluation.quantities import COLUMNS, OF_RESTARTS, QUANTITIES
from reconstruction.evaluation.scores import PartScores, Scores, summarise

IMAGES = {"n": 30, "n_held_out": 20}


def part(count, ncc):
    return PartScores(
        labels=np.where(np.arange(count) % 2, 1, -1), ncc=ncc,
        **dict.fromkeys(("expected", "ssim3", "ssim3_clamp", "ssim3_one_contrast", "ssim11"), ncc),
        one_to_one=ncc, l2=ncc,
    )  # fmt: skip


@pytest.fixture
def scores():
    """They all pass, or nearly."""
    training, held_out = (np.linspace(0.9, 1, count) for count in IMAGES.values())
    nothing = np.zeros((3, 30))
    compared = Compared(training, held_out, {"scrambled": nothing})
    return Scores(part(30, training), part(20, held_out), training, nothing, compared, compared, nothing[0])


@pytest.fixture
def row(scores):
    return summarise(scores, Evaluation(false_positive_rate=0.9))


def test_what_is_counted_and_averaged_stands_in_the_tables_order(row):
    assert list(row) == [name for name in COLUMNS if name in row]


def test_a_count_says_what_it_is_a_count_of(row):
    for name, value in row.items():
        count_of = QUANTITIES[name].count_of
        assert (count_of is not None) == name.endswith(
            ("hits", "hits_strict", "hits_over_held_out", "images", "by_ncc", "with_other_labels")
        )
        if count_of and not np.isnan(value):
            assert 0 <= value <= IMAGES[count_of]


def test_what_restarts_decide_is_counted_of_scores_alone(row):
    assert set(OF_RESTARTS) <= row.keys()
    assert all("ssim" not in name and "one_to_one" not in name for name in OF_RESTARTS)


def test_images_are_reconstructed_by_what_exceeds_chance_whatever_their_ncc(scores):
    passing, nothing = np.ones(30), np.zeros(20)
    none, all_ = (Compared(some, nothing, {"scrambled": np.zeros((3, 30))}) for some in (0 * passing, passing))
    for excess, plain, expected in ((none, all_, (0, 30)), (all_, none, (30, 0))):
        found = summarise(replace(scores, plain=plain, excess=excess), Evaluation())
        assert (found["reconstructed_images"], found["reconstructed_by_ncc"]) == expected


@pytest.mark.parametrize(
    ("others", "claimed"),
    [(np.zeros(30), 0), (np.ones(30), 30), (np.full(30, np.nan), np.nan), (np.append(np.ones(29), np.nan), 29)],
)
def test_other_labels_are_judged_by_the_nulls_of_the_count(scores, others, claimed):
    excess = Compared(np.ones(30), np.zeros(20), {"scrambled": np.zeros((3, 30))})
    found = summarise(replace(scores, excess=excess, other_labels=others), Evaluation())
    assert found["reconstructed_with_other_labels"] == pytest.approx(claimed, nan_ok=True)
