"""Vectors go through every stage: no pixel, no SSIM, no box, and a match is a cosine."""

import html
import json
import math
import re

import numpy as np
import pytest
import torch
from reconstruction.attack.exact.equations import equations
from reconstruction.attack.exact.prior import from_weights
from reconstruction.configuration import (
    AdoptedModel,
    Dataset,
    Evaluation,
    Merge,
    Model,
    Restarts,
)
from reconstruction.data.vectors import spread
from reconstruction.errors import UserError
from reconstruction.evaluation import membership, pixels
from reconstruction.evaluation.bars import HEIGHT, WIDTH, bars
from reconstruction.evaluation.capacity import to_match
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.pixels import Pixels
from reconstruction.evaluation.scores import best_first
from reconstruction.files import outside, store
from reconstruction.machine import devices
from reconstruction.models import adopted, deployed
from reconstruction.models.space import INPUTS
from reconstruction.report import likeness, pictures
from reconstruction.report.originals import beside
from reconstruction.stages import adopt, deduplicate, draw, evaluate, inspect, page, reconstruct, subset, train
from science_helpers import generator, random_network, stored

CPU, SIZE, PUBLIC = torch.device("cpu"), 7, 30
BRIEF = Restarts(method="subspace", candidates=12, per_shard=2, subspace={"iterations": 30})


def rows(count=40, seed=0):
    """Vectors whose coordinates have ranges of their own, one of which does not vary."""
    random = np.random.default_rng(seed)
    found = random.normal(0, 1, (count, SIZE)) * np.geomspace(0.01, 1000, SIZE) + np.linspace(-50, 50, SIZE)
    found[:, 2] = 4
    return found.astype(np.float32)


def public_beside():
    """A picture of its own size for each public vector, of one grey, and a name that is markup and has an accent."""
    greys = np.arange(PUBLIC + 2, dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
    return {"images": greys, "names": np.array([f"<é> {row}" for row in range(PUBLIC + 2)])}


@pytest.fixture(scope="module", params=["images and names", "neither"])
def folder(request, tmp_path_factory):
    """A whole experiment of vectors."""
    path = tmp_path_factory.mktemp("vectors")
    beside = {"images": np.full((40, 9, 9), 128, np.uint8), "names": np.array([f"row {row}" for row in range(40)])}
    arrays = {"inputs": rows(), "labels": np.arange(40) % 2, **(beside if "names" in request.param else {})}
    np.savez(path / "a.npz", **arrays)
    public = np.concatenate([rows()[:1], rows(PUBLIC, seed=1), rows()[9:10]])  # the ends are trained on and held out
    np.savez(path / "b.npz", inputs=public, **(public_beside() if "names" in request.param else {}))
    source = {"kind": "vectors", "path": str(path / "a.npz"), "public_path": str(path / "b.npz")}
    settings = {"source": source, "per_label": 4, "held_out_per_label": 10}
    labels = {"rule": "classes", "negative": [0], "positive": [1]}
    files = {name: path / f"{name}.h5" for name in ("subset", "model", "training", "shard", "candidates", "evaluation")}
    subset.run(Dataset.model_validate({**settings, "labels": labels}), files["subset"])
    model = Model(hidden=[30], training={"weight_decay": 1e-2, "steps": 300})
    train.run(model, files["subset"], files["model"], files["training"], CPU)
    reconstruct.run(BRIEF, 0, files["model"], files["shard"], CPU)
    deduplicate.run(Merge(), files["model"], [files["shard"]], files["candidates"])
    evaluated = [files[name] for name in ("subset", "model", "training", "candidates", "evaluation")]
    evaluate.run(Evaluation(pairs=5), "v/m/s", *evaluated)
    return path


def read(folder, name):
    return store.read(folder / f"{name}.h5", name)


def test_inputs_are_standardised_by_the_training_set(folder):
    found, model = read(folder, "subset"), deployed.read(folder / "model.h5")
    trained = found["training/images"]
    np.testing.assert_array_equal(trained, rows()[found["training/source_index"]])
    np.testing.assert_array_equal(model.std, spread(trained))
    inputs = model.inputs(trained).numpy()
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(inputs.std(0), np.arange(SIZE) != 2, atol=1e-3)
    assert model.of_vectors
    assert math.isinf(model.box)


def test_the_exact_attack_takes_vectors_for_no_pictures(folder):
    model = deployed.read(folder / "model.h5")
    assert model.stds.shape == (SIZE,)
    prior = from_weights(equations(model.network, 5), model.stds)
    assert torch.equal(prior.covariance, torch.diag(prior.covariance.diagonal()))
    assert prior.size == pytest.approx(SIZE**0.5)


def test_the_search_takes_vectors_for_no_pictures(folder):
    model = deployed.read(folder / "model.h5")
    assert math.isinf(reconstruct.choose_attack(model, BRIEF).method.box)
    asked = Restarts(method="subspace", candidates=12, subspace={"prior": "range"})
    with pytest.raises(UserError, match="prior: range is of pictures, and the model's inputs are none"):
        reconstruct.choose_attack(model, asked)


def test_vectors_have_targets(tmp_path):
    targets = np.linspace(-1, 1, 40)
    np.savez(tmp_path / "a.npz", inputs=rows(), targets=targets)
    settings = {"source": {"kind": "vectors", "path": str(tmp_path / "a.npz")}, "labels": {"rule": "targets"}}
    subset.run(Dataset.model_validate({**settings, "per_label": 8}), tmp_path / "subset.h5")
    model = Model(hidden=[30], activation="tanh", loss={"kind": "huber"}, training={"weight_decay": 1e-2, "steps": 300})
    train.run(model, *(tmp_path / f"{name}.h5" for name in ("subset", "model", "training")), CPU)
    reconstruct.run(BRIEF, 0, tmp_path / "model.h5", tmp_path / "shard.h5", CPU)
    deduplicate.run(Merge(), tmp_path / "model.h5", [tmp_path / "shard.h5"], tmp_path / "candidates.h5")
    files = [tmp_path / f"{name}.h5" for name in ("subset", "model", "training", "candidates", "evaluation")]
    evaluate.run(Evaluation(pairs=5), "v/m/s", *files)
    page.of_evaluation(*files, tmp_path / "report.html")
    assert "nearest public" not in (tmp_path / "report.html").read_text()  # without a pool
    draw.of_evaluation(files[0], files[2], *files[3:], tmp_path / "figures")
    assert pictures.thumbnail_of_pairs(tmp_path / "figures" / "pairs").startswith("data:image/png")
    found = store.read(files[0], "subset")
    assert found["training/labels"] == pytest.approx(targets[found["training/source_index"]])
    deployed_model = deployed.read(files[1])
    suspects = membership.read_pool(tmp_path / "a.npz", deployed_model)
    assert suspects.labels == pytest.approx(targets)
    np.savez(tmp_path / "b.npz", inputs=rows())
    answered = membership.read_pool(tmp_path / "b.npz", deployed_model)
    assert answered.labels == pytest.approx(deployed_model.outputs(rows()).squeeze(1).numpy())
    assert np.isfinite(membership.score(deployed_model, suspects)["lambda"]).all()


def test_a_match_is_a_cosine_of_standardised_coordinates(folder):
    model, found = deployed.read(folder / "model.h5"), read(folder, "evaluation")
    for part in ("training", "held_out"):
        inputs = model.inputs(read(folder, "subset")[f"{part}/images"])
        candidates = pixels.of(read(folder, "candidates"), "candidates/coordinates", model)
        made = candidates.space.inputs(torch.from_numpy(candidates.coordinates))
        cosines = torch.nn.functional.cosine_similarity(inputs[:, None], made[None], dim=2)
        np.testing.assert_allclose(found[f"{part}/ncc"], cosines.max(1).values, atol=1e-5)
        for name in ("ssim3", "ssim3_clamp", "ssim3_one_contrast", "ssim11", "l2"):
            assert np.isnan(found[f"{part}/{name}"]).all()


def test_the_cosine_is_not_centred():
    model = deployed.Deployed(random_network(3, [4]), np.zeros(3, np.float32), stored(), np.ones(1, np.float32))
    inputs = torch.tensor([[1.0, 2.0, 3.0]])
    along, apart = torch.tensor([[2.0, 4.0, 6.0]]), torch.tensor([[11.0, 12.0, 13.0]])  # NCC 1 with both
    assert nearest_by_ncc(model.pixels(inputs), Pixels(along.numpy(), INPUTS, model)).score == pytest.approx(1)
    expected = torch.nn.functional.cosine_similarity(inputs, apart).item()
    assert nearest_by_ncc(model.pixels(inputs), Pixels(apart.numpy(), INPUTS, model)).score == pytest.approx(expected)


def test_the_row_has_no_ssim_and_says_cosine(folder):
    evaluation = read(folder, "evaluation")
    row = evaluation.table("row")
    assert {name for name in row if "ssim" in name or name == "l2_median"} == {
        name for name, value in row.items() if isinstance(value, float) and math.isnan(value) and not is_told(name)
    }
    assert row["showing"] == ""
    assert likeness.sentence(row) == ""
    assert 0 <= row["ncc_hits"] <= 8
    assert 0.5 <= row["margin_auc"] <= 1
    json.dumps(row)


def is_told(name):
    """Whether a quantity is missing for want of images, of vectors or of pictures, or as a regression's."""
    return name.startswith(("test_error", "calibrated", "ncc_hits_strict", "precision")) or name.endswith("strict")


def test_page_and_figures_show_names_or_coordinates(folder):
    files = [folder / f"{name}.h5" for name in ("subset", "model", "training", "candidates", "evaluation")]
    page.of_evaluation(*files, folder / "report.html")
    text = (folder / "report.html").read_text()
    assert "cosine" in text
    visible = text.partition("<main>")[2]
    assert "NCC" not in visible.partition("<script")[0]
    has_names = "names" in np.load(folder / "a.npz")
    assert ("<strong>row " in text) == has_names
    draw.of_evaluation(files[0], files[2], *files[3:], folder / "figures")
    assert len(list((folder / "figures/pairs").glob("*.png"))) == 5


def test_beside_candidates_stand_the_public_vectors_of_the_largest_cosines(folder):
    found, evaluation, candidates = (read(folder, name) for name in ("subset", "evaluation", "candidates"))
    model = deployed.read(folder / "model.h5")
    assert found["public/source_index"].tolist() == list(range(1, PUBLIC + 1))
    has_names = "public/names" in found.arrays
    for whose, name, chosen in (
        ("training", "candidates", best_first(evaluation["training/ncc"])[:5]),
        ("held_out", "candidates", best_first(evaluation["held_out/ncc"])[:5]),
        ("representatives", "representatives", np.arange(len(evaluation["representatives/shown"]))),
    ):
        if name == "candidates":
            chosen = evaluation[f"{whose}/nearest_candidate"][chosen]
        made = pixels.of(candidates, f"{name}/coordinates", model)
        made = made.space.inputs(torch.from_numpy(made.coordinates[chosen])).numpy()
        standardised = (found["public/images"] - model.mean) / model.std
        cosines = made @ standardised.T / np.outer(*(np.linalg.norm(some, axis=1) for some in (made, standardised)))
        nearest = np.argsort(-cosines, axis=1)[:, :3]
        np.testing.assert_allclose(
            evaluation[f"{whose}/public_cosines"], np.take_along_axis(cosines, nearest, 1), atol=1e-5
        )
        names = [[f"<é> {row}" if has_names else f"{row}" for row in of_one] for of_one in nearest + 1]
        assert evaluation[f"{whose}/public_names"].tolist() == names
        if has_names:
            shown = evaluation[f"{whose}/public_shown"]
            assert shown.shape[2:] == (1, 4, 4)
            np.testing.assert_allclose(shown[..., 0, 0, 0] * 255, nearest + 1, atol=1e-4)
        else:
            assert f"{whose}/public_shown" not in evaluation.arrays


def test_what_the_public_pool_takes_is_asked_for_before_vectors_are_matched(folder, tmp_path, monkeypatch):
    files = [folder / f"{name}.h5" for name in ("subset", "model", "training", "candidates")]
    candidates, network = read(folder, "candidates")["candidates/coordinates"], deployed.read(files[1]).network
    needed = to_match((SIZE,), len(candidates), 48, PUBLIC) + membership.bytes_for(28, network)
    monkeypatch.setattr(devices, "free_memory", lambda: needed - 1)
    monkeypatch.setattr(outside, "require_memory", lambda *asked: None)  # of reading
    with pytest.raises(UserError, match=r"evaluate: to match vectors of shape \(7,\) beside 30 public ones takes"):
        evaluate.run(Evaluation(), "v/m/s", *files, tmp_path / "evaluation.h5")


def test_the_page_names_the_nearest_public_vectors_as_such(folder):
    files = [folder / f"{name}.h5" for name in ("subset", "model", "training", "candidates", "evaluation")]
    page.of_evaluation(*files, folder / "report.html")
    evaluation, text = read(folder, "evaluation"), (folder / "report.html").read_text()
    lists = re.findall(r"nearest public</span>\n<ul>\n(.*?)</ul>", text, re.DOTALL)
    shown = [
        [[name, f"{cosine:.2f}"] for name, cosine in zip(names, cosines, strict=True)]
        for whose in ("training", "held_out", "representatives")
        for names, cosines in zip(
            evaluation[f"{whose}/public_names"], evaluation[f"{whose}/public_cosines"], strict=True
        )
    ]
    found = [re.findall(r'<span>(.*?)</span> <span class="small">(.*?)</span>', of_one) for of_one in lists]
    assert [[[html.unescape(name), cosine] for name, cosine in of_one] for of_one in found] == shown
    has_pictures = "representatives/public_shown" in evaluation.arrays
    assert [of_one.count("data:image/png") for of_one in lists] == [3 * has_pictures] * len(lists)
    assert "Under each stand the vectors of the public pool that are nearest to it" in text


def test_without_vectors_to_compare_with_what_was_found_is_shown(folder, tmp_path, capsys):
    inspect.run(5, "m/s", folder / "model.h5", folder / "candidates.h5", tmp_path / "inspection.h5")
    shown = store.read(tmp_path / "inspection.h5", "inspection")["representatives/shown"]
    assert shown.shape[1:] == (1, HEIGHT, SIZE)
    page.of_inspection(folder / "model.h5", folder / "candidates.h5", tmp_path / "inspection.h5", tmp_path / "p.html")
    assert "mean image that ships with it" not in (tmp_path / "p.html").read_text()


def test_without_training_vectors_the_nearest_of_a_public_file_are_shown(folder, tmp_path):
    evaluation, public = read(folder, "evaluation"), dict(np.load(folder / "b.npz"))
    np.savez(tmp_path / "public.npz", **{name: array[1:-1] for name, array in public.items()})
    files = [folder / "model.h5", folder / "candidates.h5"]
    count = len(evaluation["representatives/shown"])
    inspect.run(count, "m/s", *files, tmp_path / "inspection.h5", tmp_path / "public.npz")
    found = store.read(tmp_path / "inspection.h5", "inspection")
    for name in ("public_cosines", "public_shown"):
        assert (f"representatives/{name}" in found.arrays) == (f"representatives/{name}" in evaluation.arrays)
        if f"representatives/{name}" in found.arrays:
            np.testing.assert_array_equal(found[f"representatives/{name}"], evaluation[f"representatives/{name}"])
    names = evaluation["representatives/public_names"]
    names = names if "names" in public else (names.astype(int) - 1).astype(str)  # numbers in the file
    np.testing.assert_array_equal(found["representatives/public_names"], names)
    page.of_inspection(*files, tmp_path / "inspection.h5", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert text.count("nearest public</span>") == count
    assert "They say of what kind a representative is" in text
    assert "None of them was trained on" not in text  # which nobody can check


def test_membership_scores_a_pool_of_vectors(folder, tmp_path):
    model, found = deployed.read(folder / "model.h5"), read(folder, "subset")
    parts = [found[f"{part}/images"] for part in ("training", "held_out")]
    labels = np.concatenate([found[f"{part}/labels"] for part in ("training", "held_out")])
    member = np.repeat([True, False], [len(part) for part in parts])
    np.savez(tmp_path / "pool.npz", inputs=np.concatenate(parts), labels=labels, member=member)
    scores = membership.score(model, membership.read_pool(tmp_path / "pool.npz", model))
    told = read(folder, "evaluation")
    np.testing.assert_allclose(scores["lambda"][member], told["training/lambda"], atol=1e-6)
    np.savez(tmp_path / "pool.npz", inputs=np.concatenate(parts)[:, 1:], labels=labels)
    with pytest.raises(Exception, match=r"vectors have shape \(6,\), and the model takes \(7,\)"):
        membership.read_pool(tmp_path / "pool.npz", model)


# Weights from elsewhere ----------------------------------------------------------------------------------


def weights(path):
    network = random_network(SIZE, [12])
    torch.save({f"{layer}.weight": weight for layer, weight in enumerate(network.weights)}, path / "w.pt")
    return path / "w.pt"


@pytest.mark.parametrize("form", ["number", "each", "file"])
def test_weights_for_vectors_are_adopted(tmp_path, form):
    mean, std = np.linspace(-5, 5, SIZE), np.linspace(1, 3, SIZE)
    given = {"number": (-3.0, 2.0), "each": (mean.tolist(), std.tolist())}.get(form)
    if given is None:
        given = str(tmp_path / "mean.npy"), str(tmp_path / "std.npy")
        np.save(given[0], mean)
        np.save(given[1], std)
    settings = AdoptedModel(weights=str(weights(tmp_path)), input_shape=[SIZE], mean=given[0], std=given[1])
    assert settings.input_files == (list(given) if form == "file" else [])
    adopt.run(settings, tmp_path / "model.h5", None, None)
    vectors = rows(3)
    expected = (vectors + 3) / 2 if form == "number" else (vectors - mean) / std
    np.testing.assert_allclose(deployed.read(tmp_path / "model.h5").inputs(vectors), expected, rtol=1e-5)


def test_weights_without_mean_and_std_say_what_goes_in(tmp_path, capsys):
    adopt.run(AdoptedModel(weights=str(weights(tmp_path)), input_shape=[SIZE]), tmp_path / "model.h5", None, None)
    said = "neither mean nor std is given, so vectors go in as they are (mean 0, std 1); if the network saw them less"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "defect"),
    [
        (np.ones(6), r"the std of vectors has shape \(6,\); input_shape is \(7,\)"),
        (np.arange(7), "the std of vectors is not of finite floats"),
        (np.linspace(0, 1, 7), "has a number below 1e-06; set 1 where a coordinate does not vary"),
    ],
)
def test_a_file_of_std_that_cannot_be_one_is_refused(tmp_path, array, defect):
    np.save(tmp_path / "std.npy", array)
    settings = AdoptedModel(weights=str(weights(tmp_path)), input_shape=[SIZE], std=str(tmp_path / "std.npy"))
    with pytest.raises(Exception, match=defect):
        adopted.read(settings)


# Pictures ------------------------------------------------------------------------------------------------


def test_bars_are_up_and_down_and_of_the_largest_coordinate():
    drawn = bars(np.array([[0.0, 1, -1, 0.5], [0, 10, -10, 5], [0, 0, 0, 0]], np.float32))[:, 0] < 0.5
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert drawn[0].sum(0).tolist() == [1, 17, 17, 9]
    assert drawn[0, 0].tolist() == [False, True, False, False]
    assert drawn[2].sum() == 4
    assert bars(torch.randn(2, 999, generator=generator(0)).numpy()).shape == (2, 1, HEIGHT, WIDTH)


def test_pictures_of_other_sizes_and_colours_stand_beside_each_other():
    colour, grey = np.zeros((2, 3, 4, 5), np.float32), np.zeros((2, 1, 6, 2), np.float32)
    both = beside([colour, grey], axis=3)
    assert both.shape == (2, 3, 6, 8)
    assert (both == 0).sum() == 2 * 3 * (4 * 5 + 6 * 2)
    assert beside([colour, grey], axis=2).shape == (2, 3, 11, 5)
