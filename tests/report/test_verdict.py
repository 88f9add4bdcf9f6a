"""The verdict in words: figures as they stand in the row, and nothing reassuring where nothing is shown."""

import itertools
import math

import pytest
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.report.verdict import IMAGES, MEMBERS, NOTHING, WARNING, answers, headline, meaning
from reconstruction.training.verdict import FAILS, HOLDS, IN_PART, UNKNOWN

CONDITIONS = {HOLDS: 0.1, IN_PART: 0.4, FAILS: 0.8}


def row(condition=HOLDS, **figures):
    return {
        "dataset": "d", "model": "m", "sweep": "s", **dict.fromkeys(COLUMNS, 0.0), "n": 50, "n_held_out": 50,
        "condition": condition, "unexplained": CONDITIONS.get(condition), "unexplained_beyond": math.nan,
        "balance": 0.9, "membership_by": "closure", "reconstructed_fewest": 20, **figures,
    }  # fmt: skip


def inspected(condition):
    return {**row(condition), "n": None, "unexplained": None, "balance": 0.2 if condition == FAILS else 0.9}


LEAKS = {
    IMAGES: {"reconstructed_images": 30, "membership_tpr_low": 0.9},
    MEMBERS: {"membership_tpr_low": 0.5},
    NOTHING: {"membership_tpr_low": 0.05},  # not told from none in 50
}


@pytest.mark.parametrize(("condition", "leak"), list(itertools.product(CONDITIONS, LEAKS)))
def test_the_sentence_is_that_of_what_holds_and_what_came_back(condition, leak):
    said = meaning(row(condition, **LEAKS[leak]))
    assert said.lower().endswith(f"{leak.lower()}.")
    assert said.startswith("This attack") == (condition != HOLDS)
    assert ("even so" in said) == (condition != HOLDS and leak != NOTHING)


@pytest.mark.parametrize("condition", [IN_PART, FAILS])
def test_where_the_assumptions_fail_nothing_reads_as_safe(condition):
    """The caveat comes before every number, and no finding stands without it."""
    said = headline(row(condition))
    first = said.splitlines()[0]
    assert "This attack" in first
    assert f"{CONDITIONS[condition]:.0%} of the first layer unexplained" in said
    assert first.endswith("what does not come back has not been shown to be safe.")


@pytest.mark.parametrize(("condition", "leak"), list(itertools.product(CONDITIONS, LEAKS)))
def test_held_out_images_of_another_kind_are_told_before_what_was_found(condition, leak):
    said = headline(row(condition, **LEAKS[leak], kind_auc=0.9, kind_auc_low=0.65))
    first = said.splitlines()[0]
    assert first.index("Held-out images are of another kind than the training images") < first.index(leak)
    assert ("unless it does" in first) == (leak != NOTHING)
    assert "even so" not in first
    assert "tells held-out images that it has not seen from training ones with an AUC of 0.90" in said
    assert "kind" not in headline(row(condition))
    assert "kind" not in headline(inspected(FAILS))


@pytest.mark.parametrize("condition", [UNKNOWN, FAILS])
def test_without_images_the_warning_stands_before_what_was_found(condition):
    said = headline(inspected(condition))
    assert said.index(WARNING) < said.index("representatives of")
    assert "Are members told?" not in said
    assert ("since what it assumes does not hold" in said.splitlines()[0]) == (condition == FAILS)


def test_the_answers_give_their_figures_with_intervals():
    given = row(
        membership_tpr=0.94, membership_tpr_low=0.83, membership_tpr_high=0.99, reconstructed_images=46,
        reconstructed_low=41.0, reconstructed_high=49.0, recognisable_images=45, recognisable_held_out_images=1,
        reconstructed_by_ncc=38, reconstructed_with_other_labels=2,
    )  # fmt: skip
    _, members, images, counts = answers(given).values()
    assert members == (
        "94% of the training images (95%: 83% to 99%) are told from images never trained on at 1% false positives, by "
        "closure; with 50 of these no rate below 1 in 50 can be told."
    )
    assert images == (
        "46 of 50 training images come back at 5% false discoveries (95%: 41 to 49), where candidates of other labels "
        "would tell 2; recognisable, with an NCC above 0.9: 45, and of 50 never trained on 1."
    )
    assert counts.endswith(". By plain NCC 38 are told from chance.")
    assert "told" not in answers({**given, "reconstructed_by_ncc": math.nan})["Plain counts:"]
    regression = {**given, "reconstructed_with_other_labels": math.nan}
    assert "other labels" not in answers(regression)["Do images come back?"]
    assert "no rate below" not in answers({**given, "n_held_out": 100})["Are members told?"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (0, "None of 50 training images is told from chance at 5% false discoveries, where no fewer than 20 could be"),
        (math.nan, "How many of 50 training images come back cannot be told at 5% false discoveries"),
    ],
)
def test_no_count_is_no_proof_that_there_is_none(found, said):
    assert answers(row(reconstructed_images=found))["Do images come back?"].startswith(said)
    assert meaning(row(reconstructed_images=found, reconstructed_by_ncc=30)) == f"{NOTHING[0].upper()}{NOTHING[1:]}."
