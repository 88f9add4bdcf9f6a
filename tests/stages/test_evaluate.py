"""What evaluation.h5, the row and images.csv say of one small experiment, beside counting by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from page_helpers import make_controlled_experiment
from reconstruction.evaluation import pixels
from reconstruction.evaluation.chance import Chance
from reconstruction.evaluation.matching import nearest_by_ncc, reconstructions
from reconstruction.evaluation.showing import Showing
from reconstruction.evaluation.thresholds import threshold
from reconstruction.files import store
from reconstruction.models import deployed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_controlled_experiment(tmp_path_factory.mktemp("experiments") / "controlled")


@pytest.fixture(scope="module")
def evaluation(folder):
    return store.read(folder / "evaluation.h5", "evaluation")


@pytest.fixture(scope="module")
def row(evaluation):
    return json.loads(str(evaluation["row"]))


def test_the_scrambled_threshold_is_that_of_all_draws(folder, evaluation, row):
    model, candidates = deployed.read(folder / "model.h5"), store.read(folder / "candidates.h5", "candidates")
    inputs = model.centred(store.read(folder / "subset.h5", "subset")["training/images"])
    chance = Chance.of_candidates(candidates, model, 0)
    assert evaluation["scrambled/ncc"].shape == (50, 20)
    assert evaluation["scrambled/ncc"] == pytest.approx(chance.scores(inputs, 0.01), abs=1e-5)
    assert row["ncc_threshold_scrambled"] == np.sort(evaluation["scrambled/ncc"].ravel())[-11]


def test_the_public_pool_decides_the_contrast(folder, evaluation):
    found, model = store.read(folder / "subset.h5", "subset"), deployed.read(folder / "model.h5")
    made = pixels.of(store.read(folder / "candidates.h5", "candidates"), "candidates/coordinates", model)
    norm = np.mean([0.6 * np.linalg.norm(image - model.mean) for image in found["public/images"]])
    for part in ("training", "held_out"):
        candidates = made[evaluation[f"{part}/ssim_candidate"]].view(-1, *model.mean.shape).numpy()
        expected = reconstructions(found[f"{part}/images"], Showing(model.mean, norm), candidates).by_rule
        assert evaluation[f"{part}/ssim3_one_contrast"] == pytest.approx(expected["one-contrast"], abs=1e-4)


def test_counts_are_those_of_the_images_marked(evaluation, row):
    assert 0 < row["ncc_hits"] < 20
    assert 0 < row["calibrated_hits"] < 20
    assert row["ncc_hits"] == evaluation["training/hit"].sum()
    assert row["ncc_held_out_hits"] == evaluation["held_out/hit"].sum()
    assert row["calibrated_hits"] == evaluation["training/calibrated_hit"].sum()
    assert row["calibrated_held_out_hits"] == evaluation["held_out/calibrated_hit"].sum()
    assert (evaluation["training/hit"] == (evaluation["training/ncc"] > row["ncc_threshold"])).all()


def test_calibrated_hits_exceed_what_chance_exceeds_of_the_same_expectation(evaluation):
    ncc, expected = evaluation["training/ncc"], evaluation["training/expected_ncc"]
    beyond = evaluation["held_out/ncc"] - evaluation["held_out/expected_ncc"]
    limit = max(threshold(beyond, 0.01), threshold((evaluation["scrambled/ncc"] - expected).ravel(), 0.01))
    assert (evaluation["training/calibrated_hit"] == (ncc - expected > limit)).all()


def test_what_is_expected_is_what_the_other_network_reaches(folder, evaluation):
    model, candidates = (
        deployed.read(folder / "other/model.h5"),
        store.read(folder / "other/candidates.h5", "candidates"),
    )
    images = store.read(folder / "subset.h5", "subset")["held_out/images"]
    inputs = (candidates["candidates/coordinates"] @ candidates["basis"]).astype(np.float32)
    correlations = np.corrcoef((images - model.mean).reshape(len(images), -1), inputs)[: len(images), len(images) :]
    assert evaluation["held_out/expected_ncc"] == pytest.approx(correlations.max(1), abs=1e-4)


def test_images_csv_has_every_image_as_the_file_has_it(folder, evaluation):
    table = pd.read_csv(folder / "figures/images.csv")
    assert table["part"].tolist() == ["training"] * 20 + ["held-out"] * 20
    for column in ("ncc", "hit", "expected_ncc", "calibrated_hit", "excess", "reconstructed", "ssim3"):
        both = np.concatenate([evaluation[f"{part}/{column}"] for part in ("training", "held_out")])
        assert table[column].to_numpy().astype(float) == pytest.approx(both.astype(float), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "score", "count"),
    [
        ("reconstructed", "excess", "reconstructed_images"),
        ("reconstructed_by_ncc", "ncc", "reconstructed_by_ncc"),
    ],
)
def test_what_is_reconstructed_is_counted_and_scores_above_all_that_is_not(evaluation, row, name, score, count):
    told, scores = evaluation[f"training/{name}"], evaluation[f"training/{score}"]
    assert told.sum() == row[count]
    assert scores[told].min(initial=1) > scores[~told].max(initial=-1)


def test_every_draw_of_what_knows_nothing_is_kept(evaluation):
    assert evaluation["scrambled/excess"].shape == evaluation["shuffled/excess"].shape == (10, 20)
    assert (evaluation["other_labels/excess"] <= evaluation["training/excess"] + 1e-6).all()


def test_the_scrambled_control_is_none_of_the_draws_behind_its_threshold(folder, evaluation):
    model, candidates = deployed.read(folder / "model.h5"), store.read(folder / "candidates.h5", "candidates")
    inputs = model.centred(store.read(folder / "subset.h5", "subset")["training/images"])
    behind = evaluation["scrambled/ncc"]
    further = nearest_by_ncc(inputs, Chance.of_candidates(candidates, model, 0).draw(len(behind))).score
    answer = json.loads(str(evaluation["controls"]))["scrambled"]
    assert answer["ncc_median"] == pytest.approx(np.median(further), abs=1e-5)
    assert not np.isclose(behind, further).all(1).any()


def test_every_answer_is_a_row_of_the_controls(evaluation):
    assert set(json.loads(str(evaluation["controls"]))) == {
        "reconstruction", "held_out", "mean_image", "scrambled", "random_mixtures", "first_layer_weights",
        "singular_vectors", "model_inversion", "scrambled_weights", "other_images_1",
    }  # fmt: skip
