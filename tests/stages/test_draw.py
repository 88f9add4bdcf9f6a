"""Figures and lists from finished files, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from page_helpers import make_experiment, make_figures, paths
from PIL import Image
from reconstruction.__main__ import main
from reconstruction.errors import UserError
from reconstruction.evaluation import pixels
from reconstruction.evaluation.scores import best_first
from reconstruction.evaluation.showing import PUBLISHED_RULE, stretch
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.stages import draw


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = make_experiment(tmp_path_factory.mktemp("experiment"), 4, 30)
    make_figures(folder)
    return folder


def test_every_figure_is_drawn_in_both_formats(experiment):
    for name in ("training_pairs", "held_out_pairs", "margin", "hyperparameters", "residuals"):
        for ending in ("png", "pdf"):
            assert (experiment / f"figures/{name}.{ending}").stat().st_size > 1000


def test_the_best_pairs_are_single_pictures_by_rank(experiment):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    best_first = evaluation["training/source_index"][np.argsort(-evaluation["training/ncc"], kind="stable")]
    names = [f"{rank:03d}_source{source}.png" for rank, source in enumerate(best_first, start=1)]
    assert sorted(path.name for path in (experiment / "figures/pairs").iterdir()) == names


def test_a_pair_shows_every_pixel_of_both_as_a_square(experiment):
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    best = evaluation["training/ncc"].argmax()
    photograph = store.read(experiment / "subset.h5", "subset")["training/images"][best, 0]
    (path,) = (experiment / "figures/pairs").glob("001_*")
    found = np.asarray(Image.open(path))
    left, between, right = np.split(found, [525, 526], axis=1)
    assert (between == 255).all()
    for side, picture in ((left, photograph), (right, evaluation["training/shown"][0, 0])):
        np.testing.assert_allclose(side, np.kron(picture * 255, np.ones((21, 21))), atol=0.51)


def test_the_sheets_of_pairs_have_every_pixel_as_a_square(experiment):
    for part in ("training", "held_out"):
        sheet = (experiment / f"figures/{part}_pairs.pdf").read_bytes()
        sizes = zip(*(re.findall(rb"/%s (\d+)" % side, sheet) for side in (b"Width", b"Height")), strict=True)
        assert [tuple(map(int, size)) for size in sizes] == [(7 * 25, 7 * 77)] * 8


def test_below_its_rule_of_showing_a_sheet_has_the_papers(experiment):
    """The same candidates, each from its own smallest pixel to its largest."""
    evaluation = store.read(experiment / "evaluation.h5", "evaluation")
    candidates = store.read(experiment / "candidates.h5", "candidates")
    raw = pixels.of(candidates, "candidates/coordinates", deployed.read(experiment / "model.h5"))
    assert evaluation.table("row")["showing"] != PUBLISHED_RULE
    for part in ("training", "held_out"):
        best = evaluation[f"{part}/nearest_candidate"][best_first(evaluation[f"{part}/ncc"])]
        images = raw[best].view(-1, 1, 25, 25).numpy() + raw.model.mean
        np.testing.assert_allclose(evaluation[f"{part}/stretched"], stretch(images)[: len(best)], atol=1e-5)
        assert (evaluation[f"{part}/stretched"] != evaluation[f"{part}/shown"]).any((1, 2, 3)).all()


def test_the_same_files_make_the_same_bytes(experiment, tmp_path):
    subset, _, training, candidates, evaluation = paths(experiment)
    draw.of_evaluation(subset, training, candidates, evaluation, tmp_path)
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (experiment / "figures" / path.relative_to(tmp_path)).read_bytes()


def test_what_nobody_knows_is_left_out_of_the_list(experiment):
    images = pd.read_csv(experiment / "figures/images.csv")
    assert images["margin"].isna().tolist() == [False] * 8 + [True] * 8
    assert images[["expected_ncc", "calibrated_hit"]].isna().all().all()
    assert images["hit"].dtype == bool


def test_files_of_no_one_experiment_are_refused(experiment, tmp_path, capsys):
    common = [f"--{name}={experiment / name}.h5" for name in ("candidates", "evaluation", "inspection")]
    assert main(["draw", *common, f"--figures={tmp_path}"]) == 1
    assert "give --subset, --training and --evaluation, or --inspection alone" in capsys.readouterr().err
    subset, _, training, candidates, evaluation = paths(experiment)
    arrays = store.read(evaluation, "evaluation").arrays
    store.write(tmp_path / "evaluation.h5", "evaluation", arrays, settings_json="{}")
    with pytest.raises(UserError, match="was not made from"):
        draw.of_evaluation(subset, training, candidates, tmp_path / "evaluation.h5", tmp_path / "figures")
