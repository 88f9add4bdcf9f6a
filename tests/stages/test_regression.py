"""A regression from the subset to the page, membership in it, its adoption, and what is refused."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from reconstruction.attack.exact.confirmation import confirmed, discrepancy, labels
from reconstruction.attack.exact.equations import equations
from reconstruction.attack.exact.hunt import none
from reconstruction.configuration import (
    AdoptedModel,
    Configuration,
    Dataset,
    Evaluation,
    Merge,
    Model,
    Restarts,
    Training,
    parsing,
)
from reconstruction.errors import UserError
from reconstruction.evaluation.membership import read_pool, score, summary
from reconstruction.evaluation.thresholds import cross_fitted_hits
from reconstruction.files import store
from reconstruction.merging.ranking import Signals
from reconstruction.merging.ranking import score as rank
from reconstruction.models import deployed
from reconstruction.models.regression import Regression
from reconstruction.stages import adopt, deduplicate, evaluate, page, reconstruct, subset, train
from reconstruction.tools import membership, stand_in
from science_helpers import normal, random_network, random_regression

CPU = torch.device("cpu")
SQUARED = {"kind": "squared"}


def dataset(path, **changes):
    values = {"source": {"kind": "file", "path": str(path)}, "labels": {"rule": "targets"}, "per_label": 10}
    return parsing.parse(Dataset, values | changes, "")


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A regression of ten images with random targets."""
    folder: Path = tmp_path_factory.mktemp("regression")
    random = np.random.default_rng(0)
    images, targets = random.integers(0, 256, (30, 6, 6), np.uint8), random.standard_normal(30)
    np.savez(folder / "images.npz", images=images, targets=targets)
    subset.run(dataset(folder / "images.npz"), folder / "subset.h5")
    settings = Model(hidden=[60, 50], loss=SQUARED, training={"weight_decay": 1e-2})
    train.run(settings, folder / "subset.h5", folder / "model.h5", folder / "training.h5", CPU)
    return folder


def test_targets_are_drawn_with_their_images(audited):
    drawn, source = store.read(audited / "subset.h5", "subset"), np.load(audited / "images.npz")
    for part in ("training", "held_out"):
        assert len(drawn[f"{part}/labels"]) == 10
        assert drawn[f"{part}/labels"] == pytest.approx(source["targets"][drawn[f"{part}/source_index"]])
    assert drawn["training/labels"].dtype == np.float32


def test_training_fits_the_targets_and_says_so_by_error(audited, capsys):
    training = store.read(audited / "training.h5", "training")
    assert training["error/training"] == pytest.approx(-training["margins"].mean())
    assert training["error/training"] < 0.2 < training["error/test"]
    assert math.isnan(training["accuracy/training"])
    assert not training["on_margin"].any()
    for name in ("true_residuals", "derivative_residuals"):
        assert (training[name] < 0.25 * training["squared_norms"]).all()


def test_images_come_back_and_the_page_speaks_of_no_labels(audited):
    settings = Restarts(
        per_shard=2, method="subspace", candidates=20, subspace={"iterations": 400, "lambda_learning_rate": 0.005}
    )
    reconstruct.run(settings, 0, audited / "model.h5", audited / "0.h5", CPU)
    shard = store.read(audited / "0.h5", "shard")
    assert (shard["lambdas"] > 0.05).any()
    assert (shard["lambdas"] < -0.05).any()
    deduplicate.run(Merge(), audited / "model.h5", [audited / "0.h5"], audited / "candidates.h5")
    candidates = store.read(audited / "candidates.h5", "candidates")
    assert np.isnan(candidates["representatives/margin"]).all()
    assert candidates["representatives/score"].max() > 0
    paths = [audited / f"{name}.h5" for name in ("subset", "model", "training", "candidates")]
    evaluate.run(Evaluation(), "a/b/c", *paths, audited / "evaluation.h5")
    found = store.read(audited / "evaluation.h5", "evaluation")
    assert found["training/ncc"].mean() > found["held_out/ncc"].mean() + 0.1
    row = found.table("row")
    assert math.isnan(row["test_accuracy"])
    assert row["test_error"] == store.read(audited / "training.h5", "training")["error/test"]
    page.of_evaluation(*paths, audited / "evaluation.h5", audited / "report.html")
    text = (audited / "report.html").read_text()
    assert "errs on" not in text
    assert f"{found['training/labels'][0]:.4g}" in text


def pool(audited, **arrays):
    drawn = store.read(audited / "subset.h5", "subset")
    images = np.concatenate([drawn[f"{part}/images"][:, 0] for part in ("training", "held_out")])
    np.savez(audited / "pool.npz", images=images, member=np.arange(20) < 10, **arrays)
    return audited / "pool.npz"


def test_the_size_of_lambda_tells_members_whatever_the_targets(audited):
    model, drawn = deployed.read(audited / "model.h5"), store.read(audited / "subset.h5", "subset")
    targets = np.concatenate([drawn[f"{part}/labels"] for part in ("training", "held_out")])
    known = score(model, read_pool(pool(audited, targets=targets), model))
    suspects = read_pool(pool(audited), model)
    assert "no array 'targets'" in suspects.remarks[-1]
    unknown = score(model, suspects)
    assert known["lambda"].min() >= 0
    assert known["lambda"].to_numpy() == pytest.approx(unknown["lambda"].to_numpy())
    assert known["margin"][:10].min() > known["margin"][10:].median()
    assert np.abs(unknown["margin"]).max() < 1e-9
    assert summary(known)["lambda_auc"].value > 0.8


def test_the_membership_table_is_written_without_talk_of_signs(audited, capsys):
    membership.run(audited / "model.h5", pool(audited, targets=np.zeros(20)), audited / "scores.csv")
    said = capsys.readouterr().out
    assert "positive lambda" not in said
    assert "errs" not in said
    assert len(pd.read_csv(audited / "scores.csv")) == 20


def test_a_classifier_asks_for_labels_where_a_pool_has_targets(audited, tmp_path):
    classifier = replace(deployed.read(audited / "model.h5").network, regression=None)
    arrays = deployed.arrays(classifier, np.zeros((1, 6, 6), np.float32))
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}", facts={})
    with pytest.raises(UserError, match="no array 'labels'"):
        read_pool(pool(audited, targets=np.zeros(20)), deployed.read(tmp_path / "model.h5"))


def adopted(audited, path, **settings):
    values = {"weights": str(audited / "weights.pt"), "input_shape": [1, 6, 6], "loss": SQUARED} | settings
    return parsing.parse(AdoptedModel, values, "")


def test_weights_are_adopted_as_a_regression_of_the_same_stationarity(audited, tmp_path, capsys):
    model = deployed.read(audited / "model.h5")
    state = {f"{k}.weight": weight for k, weight in enumerate(model.network.weights)} | {"0.bias": model.network.bias}
    torch.save(state, audited / "weights.pt")
    np.save(tmp_path / "mean.npy", model.mean)
    settings = adopted(audited, tmp_path, mean=str(tmp_path / "mean.npy"))
    adopt.run(settings, tmp_path / "model.h5", audited / "subset.h5", tmp_path / "training.h5")
    assert deployed.read(tmp_path / "model.h5").network.regression is not None
    own, examined = (store.read(folder / "training.h5", "training") for folder in (audited, tmp_path))
    assert examined["true_lambdas"] == pytest.approx(own["true_lambdas"], rel=1e-3, abs=1e-4)
    assert examined["error/test"] == pytest.approx(own["error/test"], rel=1e-4)
    said = capsys.readouterr().out
    assert "test error" in said
    assert "what the attack assumes holds" in said


def test_a_classifier_refuses_targets_for_labels(audited, tmp_path):
    settings = adopted(audited, tmp_path, loss={"kind": "classification"})
    with pytest.raises(UserError, match="has labels"):
        adopt.run(settings, tmp_path / "model.h5", audited / "subset.h5", tmp_path / "training.h5")


def test_a_regression_of_two_outputs_is_refused(tmp_path):
    torch.save({"0.weight": normal(7, 36).float(), "1.weight": normal(2, 7).float()}, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="2 outputs, and of a regression one is read"):
        adopt.run(adopted(tmp_path, tmp_path), tmp_path / "model.h5", None, None)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([0.0, math.nan, *[1.0] * 8], "target 1 is no finite float32"),
        ([0.0, 1e39, *[1.0] * 8], "target 1 is no finite float32"),
        ([[1.0]] * 10, "one number for each of the 10 images"),
        (["a"] * 10, "one number for each of the 10 images"),
        (None, "has no array 'targets'"),
    ],
)
def test_targets_that_are_none_are_refused(tmp_path, targets, said):
    own = {} if targets is None else {"targets": np.array(targets)}
    images = np.random.default_rng(0).random((10, 4, 4))
    np.savez(tmp_path / "images.npz", images=images, labels=np.zeros(10, int), **own)
    with pytest.raises(UserError, match=said):
        subset.run(dataset(tmp_path / "images.npz", per_label=2), tmp_path / "subset.h5")


def test_too_few_images_are_counted_one_by_one(audited, tmp_path):
    with pytest.raises(UserError, match=r"has 30 images, and 20 to train on plus 20 held out need 40.*at most 15"):
        subset.run(dataset(audited / "images.npz", per_label=20), tmp_path / "subset.h5")


def test_targets_of_another_scale_and_targets_unlearnt_are_told(audited, tmp_path, capsys):
    source = np.load(audited / "images.npz")
    np.savez(tmp_path / "images.npz", images=source["images"], targets=source["targets"] / 100)
    subset.run(dataset(tmp_path / "images.npz"), tmp_path / "subset.h5")
    settings = Model(hidden=[20], loss=SQUARED, training=Training(weight_decay=2, steps=300))
    train.run(settings, tmp_path / "subset.h5", tmp_path / "model.h5", tmp_path / "training.h5", CPU)
    said = capsys.readouterr().out
    assert "root mean square is 0.0" in said
    assert "one answer for all" in said


MODEL = {"training": {"weight_decay": 0.001}}


@pytest.mark.parametrize(
    ("model", "source", "said"),
    [
        ({"loss": SQUARED}, {}, "set training.weight_decay"),
        ({"loss": {"kind": "huber", "delta": 0}, **MODEL}, {}, "delta"),
        ({"loss": {"kind": "huber", "delta": -1}, **MODEL}, {}, "delta"),
        (MODEL, {}, "give it loss squared or huber"),
        ({"loss": SQUARED, **MODEL}, {"source": {"kind": "faces"}}, "a source of kind file"),
        ({"weights": "a.h5", "loss": SQUARED}, {}, "loss is part of a model.h5"),
    ],
)
def test_settings_that_make_no_regression_are_refused(model, source, said):
    drawn = {"source": {"kind": "file", "path": "a.npz"}, "labels": {"rule": "targets"}, "per_label": 3, **source}
    values = {
        "datasets": {"d": drawn}, "models": {"m": model}, "sweeps": {"s": {"restarts": {"candidates": 2}}},
        "experiments": [{"dataset": "d", "model": "m", "sweep": "s"}],
    }  # fmt: skip
    with pytest.raises(UserError, match=said):
        parsing.parse(Configuration, values, "")


def test_an_estimate_counts_targets_as_one_label(audited):
    assert stand_in.images_of(dataset(audited / "images.npz")) == 10


def test_held_out_images_are_halved_whatever_their_targets():
    scores, ones = np.arange(10) / 10, np.ones(10, int)
    assert (cross_fitted_hits(scores, scores, 0.2) == cross_fitted_hits(scores, ones, 0.2)).all()
    assert cross_fitted_hits(scores, scores, 0.2).any()


def test_unknown_margins_rank_no_representative_down():
    margins = np.array([np.nan, -1.0, 1.0])
    found = rank(np.full(3, 0.5), Signals(np.ones(3), margins, np.array([1.0, 1.0, 1.0])))
    assert found.tolist() == [0.125, 0, 0.125]


def test_no_image_of_a_regression_is_confirmed_by_its_lambda():
    classifier = random_network(8, [30])
    for network, confirms in ((classifier, True), (random_regression(8, [30]), False)):
        assert equations(network, 8).confirms is confirms
    assert len(discrepancy(equations(classifier, 8), none(equations(classifier, 8)), _no_images())) == 0


@pytest.mark.parametrize("hidden", [[30], [30, 4, 3]])
def test_images_of_a_regression_have_the_sign_of_lambda_and_no_misfit(hidden):
    system = equations(random_regression(8, hidden), 8)
    lambdas, z = torch.tensor([2.0, -3.0]).double(), normal(2, system.rows.shape[1])
    images = replace(_no_images(), lambdas=lambdas, z=z)
    solutions = none(system)
    solutions = replace(solutions, z=z, factors=normal(2, len(system.responses)))
    assert labels(system, images).tolist() == [1, -1]
    misfit = discrepancy(system, solutions, images)
    assert misfit.isnan().all()
    assert confirmed(misfit) == (0, 0)


@pytest.mark.parametrize("activation", ["leaky-relu", "tanh"])
def test_a_file_keeps_activation_and_loss(tmp_path, activation):
    network = replace(random_network(9, [4], activation=activation), regression=Regression(2.0))
    written = deployed.arrays(network.to(dtype=torch.float32), np.zeros((1, 3, 3), np.float32))
    store.write(tmp_path / "model.h5", "model", written, settings_json="{}", facts={})
    read = deployed.read(tmp_path / "model.h5").network
    assert (read.activation.name, read.regression) == (activation, Regression(2.0))


def _no_images():
    from reconstruction.attack.exact.solve import Images

    empty = torch.zeros(0).double()
    return Images(**dict.fromkeys(Images.__dataclass_fields__, empty))
