"""The index as text: verdicts before numbers, names as text, charts along what differs."""

import math
import re

import pytest
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.report import comparison
from reconstruction.report.index import Experiment, render
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.table import FIRST
from reconstruction.training.verdict import FAILS


def row(**more):
    names = dict(zip(EXPERIMENT, ("f<a>ces", "m", "s"), strict=True))
    words = {"condition": FAILS, "network": "20-6-1", "membership_by": "lambda", "method": "exact"}
    return {**names, **more, **dict.fromkeys(COLUMNS, 3), **words}


@pytest.fixture
def text():
    return render([Experiment(row(), "", "f/m/s")])


def test_twelve_columns_stand_first_and_none_is_lost(text):
    headers = re.findall(
        r'<th scope="col" class="([^"]*)" aria-sort="none" title="([^"]*)"><button[^>]*>([^<]*)<', text
    )
    names = [name.replace("\u200b", "") for _, _, name in headers]
    assert [*EXPERIMENT, *names[: 12 - len(EXPERIMENT)]] == list(FIRST)
    assert sorted(names) == sorted(COLUMNS)
    assert ["further" in classes for classes, _, _ in headers] == [False] * 9 + [True] * (len(names) - 9)
    assert all(meaning for _, meaning, _ in headers)


def test_the_verdict_stands_before_the_numbers_and_names_are_text(text):
    assert text.index("since what it assumes does not hold") < text.index("<td class")
    assert "f&lt;a&gt;ces" in text
    assert "<a>" not in text
    assert "vegaEmbed = " not in text  # no chart, no library


def data(chart, layer=1):
    return chart.specification["layer"][layer]["data"]["values"]


def test_settings_that_vary_together_share_a_chart():
    rows = [
        row(**{"model.seed": seed, "model.biases": biases, "sweep.shards": 2}) for seed, biases in ((0, "a"), (1, "b"))
    ]
    (chart,) = comparison.charts(rows)
    assert chart.name == "along-model.seed"
    assert "with which model.biases varies" in chart.caption


def test_each_experiment_is_a_point_and_the_line_goes_through_medians():
    told = {0: [0.1, 0.2, 0.9], 1: [0.4]}
    rows = [
        {**row(**{"model.seed": seed, "sweep.shards": 2}), "n": 4, "membership_tpr": share, "ncc_median": None}
        for seed, shares in told.items()
        for share in shares
    ]
    (chart,) = comparison.charts(rows)
    points = [(it["value"], it["share"]) for it in data(chart) if it["series"] == "members told"]
    assert sorted(points) == [(seed, share) for seed, shares in told.items() for share in shares]
    assert {it["share"] for it in data(chart) if it["series"] == "images reconstructed"} == {0.75}
    assert not [it for it in data(chart) if it["series"] == "median NCC"]
    assert [line["members told"] for line in chart.table] == [0.2, 0.4]


@pytest.mark.parametrize(
    ("values", "kind", "scale"),
    [
        ([1, 2], "quantitative", None),
        ([1e-3, 1], "quantitative", "log"),
        ([0, 9], "quantitative", None),
        (["a", 1], "ordinal", None),
    ],
)
def test_numbers_far_apart_have_a_logarithmic_axis_and_words_an_order(values, kind, scale):
    (chart,) = comparison.charts([row(**{"model.x": value}) for value in values])
    x = chart.specification["layer"][0]["encoding"]["x"]
    assert (x["type"], x.get("scale", {}).get("type")) == (kind, scale)


def test_vectors_are_scored_by_cosine():
    def said(rows):
        (chart,) = comparison.charts(rows)
        text = render([Experiment(row, "", "f/m/s") for row in rows])
        return chart.specification["layer"][0]["encoding"]["y"]["title"], "NCC" in text, "cosine" in text

    pictures = [row(**{"model.seed": seed}) for seed in (0, 1)]
    vectors = [{**it, "ssim_mean": math.nan} for it in pictures]
    assert said(pictures) == ("share of the training images, or NCC", True, False)
    assert said(vectors) == ("share of the training images, or cosine", False, True)
    assert said([pictures[0], vectors[1]]) == ("share of the training images, or NCC or cosine", True, True)


def test_experiments_without_images_are_not_compared():
    without = {**row(**{"model.seed": 1}), "n": None}
    assert comparison.charts([row(**{"model.seed": 0}), without]) == []
    assert comparison.charts([without]) == []
