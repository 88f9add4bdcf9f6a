"""What an experiment's page claims: the verdict first, membership, ticks, and which candidate a score is of."""

import html
import json
import re

import numpy as np
import pytest
from page_helpers import make_experiment, make_page
from reconstruction.evaluation import pixels
from reconstruction.evaluation.matching import nearest_by_ncc, reconstructions
from reconstruction.evaluation.membership import SCORES
from reconstruction.evaluation.showing import Showing
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.report import charts, pictures
from reconstruction.report.page import render
from reconstruction.report.verdict import answers, meaning


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return make_experiment(tmp_path_factory.mktemp("experiment"), 4, 30)


@pytest.fixture(scope="module")
def text(experiment):
    return html.unescape(make_page(experiment).read_text())


def test_the_verdict_stands_before_everything_else(experiment, text):
    row = json.loads(str(store.read(experiment / "evaluation.h5", "evaluation")["row"]))
    places = [text.index(f">{said}<") for said in (meaning(row), *answers(row).values())]
    assert places == sorted(places)
    assert places[-1] < text.index("<nav")


def test_the_roc_and_the_rates_are_those_of_the_scores_kept(experiment, text):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    row = json.loads(str(evaluation["row"]))
    drawn = charts.membership(evaluation)
    assert [line["at 1%"] for line in drawn.table] == [row[f"{score}_tpr"] for score in SCORES]
    points = drawn.specification["layer"][0]["data"]["values"]
    for score in SCORES:
        curve = [point for point in points if point["series"] == score]
        told, passing = ([point[name] for point in curve] for name in ("told", "passing"))
        assert np.trapezoid(told, passing) == pytest.approx(row[f"{score}_auc"])
    assert "told without any search" in text
    assert "can tell no rate of false positives below 1 in 8" in text


def test_a_green_tick_never_marks_a_false_positive(experiment):
    stored = store.read(experiment / "evaluation.h5", "evaluation")
    subset = store.read(experiment / "subset.h5", "subset")
    for name in ("training/hit", "held_out/hit"):
        stored.arrays[name] = np.arange(8) % 4 > 0
    best = {part: pictures.matches(part, subset, stored) for part in ("training", "held_out")}
    text = page_of(json.loads(str(stored["row"])), best)
    card, line = r'<li class="card">.*?data-row="(\w+)-(\d+)"(.*?)</li>', r'<tr id="(\w+)-(\d+)">(.*?)</tr>'
    shown = re.findall(f"{card}|{line}", text, re.DOTALL)
    matches = {(match.part, str(match.number)): match for of_part in best.values() for match in of_part}
    assert len(shown) == 2 * len(matches) == 32
    for groups in shown:
        part, number, content = filter(None, groups)
        hit = matches[part, number].hit
        assert ('class="hit">✓' in content) == (part == "training" and hit)
        assert ('class="false">⚠' in content) == (part == "held_out" and hit)
    assert text.count("✓") == text.count('class="hit"') == 2 * 6


def test_a_hit_passes_both_thresholds_and_no_control_has_a_tick(experiment, text):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    row = evaluation.table("row")
    limit = max(row["ncc_threshold_held_out"], row["ncc_threshold_scrambled"])
    np.testing.assert_array_equal(evaluation["training/hit"], evaluation["training/ncc"] > limit)
    shown = len(evaluation["representatives/shown"])
    ticks = [*(2 * [evaluation["training/hit"]]), evaluation["representatives/ncc"][:shown] > limit]
    assert text.count("✓") == sum(map(np.sum, ticks))
    assert "✓" not in re.search('<section id="controls".*?</section>', text, re.S)[0]


def page_of(row, best):
    images = [match for of_part in best.values() for match in of_part]
    blank = {"images": images, "calibrated": False, "ranking": [], "controls": {"reconstruction": {}}, "membership": []}
    chart = charts.chart("none", "", [])
    return render(
        {**blank, "row": row, "of_vectors": False, "best": best, "shown": "", "precision": chart, "roc": chart,
         "quantities": [], "charts": [],
         "hyperparameters": [], "timings": [], "files": []}
    ).partition("<script>")[0]  # fmt: skip


def test_every_score_of_a_pair_says_which_candidate_it_is_of(experiment, text):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    model = deployed.read(experiment / "model.h5")
    candidates = store.read(experiment / "candidates.h5", "candidates")
    subset = store.read(experiment / "subset.h5", "subset")
    match = pictures.matches("training", subset, evaluation)[0]
    image = subset["training/source_index"].tolist().index(match.number)
    inputs = model.centred(subset["training/images"])[[image]]
    raw = pixels.of(candidates, "candidates/coordinates", model)
    merged = pixels.of(candidates, "representatives/coordinates", model)
    assert nearest_by_ncc(inputs, raw[[match.candidate]]).score[0] == pytest.approx(match.ncc, abs=1e-5)
    assert nearest_by_ncc(inputs, merged[[match.representative - 1]]).score[0] == pytest.approx(
        match.one_to_one, abs=1e-5
    )
    chosen = raw[[match.ssim_candidate]].view(1, *model.mean.shape).numpy()
    showing = Showing.among(subset["held_out/images"], model.mean)
    found = reconstructions(subset["training/images"][[image]], showing, chosen).by_rule
    assert found[evaluation.table("row")["showing"]] == pytest.approx(match.ssim, abs=1e-5)
    assert f"candidate {match.candidate}" in text
