"""The exact attack through the stages: planted images come back, and what it cannot do is said."""

import numpy as np
import pytest
import torch
from exact_helpers import planted
from reconstruction.configuration import Merge, Restarts
from reconstruction.errors import UserError
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.files import store
from reconstruction.merging import solving
from reconstruction.models import deployed
from reconstruction.models.mlp import activations, outputs
from reconstruction.stages import deduplicate, reconstruct, scramble
from science_helpers import normal, random_network

CPU = torch.device("cpu")
EXACT = {"starts": 200, "iterations": 300, "deflations": 1, "rank": 11}
COUNT = 12


def write(folder, network, name="model.h5"):
    arrays = deployed.arrays(network.to(dtype=torch.float32), np.zeros((1, 5, 8), np.float32))
    store.write(folder / name, "model", arrays, settings_json="{}")
    return folder / name


def settings(**changes):
    short = {"iterations": 5}
    return Restarts.model_validate(
        {"candidates": COUNT, "per_shard": 1, "exact": EXACT, "published": short, "subspace": short, **changes}
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """candidates.h5 of two shards."""
    folder = tmp_path_factory.mktemp("exact")
    model = write(folder, planted(COUNT, seed=1).network)
    for shard in range(2):
        reconstruct.run(settings(method="exact"), shard, model, folder / f"{shard}.h5", CPU)
    deduplicate.run(Merge(), model, [folder / "1.h5", folder / "0.h5"], folder / "candidates.h5")
    return store.read(folder / "candidates.h5", "candidates")


def test_planted_images_come_back(found):
    images = torch.from_numpy(found["candidates/coordinates"] @ found["basis"])
    scores = nearest_by_ncc(planted(COUNT, seed=1).images.float(), images).score
    assert (scores > 0.95).sum() >= 6
    assert nearest_by_ncc(0.3 * normal(COUNT, 40, seed=5).float(), images).score.max() < 0.8


def test_planted_images_come_back_at_their_own_size(found):
    images = torch.from_numpy(found["candidates/coordinates"] @ found["basis"])
    originals = planted(COUNT, seed=1).images.float()
    nearest = nearest_by_ncc(originals, images)
    ratio = (images[nearest.index].norm(dim=1) / originals.norm(dim=1))[nearest.score > 0.95]
    assert (ratio - 1).abs().median() < 0.2


def test_each_image_has_its_gap_and_comes_in_the_order_of_the_score(found):
    assert found.facts["method"] == "exact"
    assert (np.diff(found["representatives/score"]) <= 0).all()
    assert (found["representatives/gap"] < 3e-4).all()
    assert set(found["candidates/label"].tolist()) <= {-1, 1}
    assert set(found["representatives/support"].tolist()) <= {0, 1, 2}
    assert len(found["candidates/lambda"]) <= COUNT


def test_images_of_several_classes_come_back_with_the_networks_own_answer(tmp_path):
    classes = planted(COUNT, outputs=3)
    model = write(tmp_path, classes.network)
    reconstruct.run(settings(method="exact", exact=EXACT | {"deflations": 0}), 0, model, tmp_path / "0.h5", CPU)
    deduplicate.run(Merge(), model, [tmp_path / "0.h5"], tmp_path / "candidates.h5")
    found = store.read(tmp_path / "candidates.h5", "candidates")
    images = torch.from_numpy(found["candidates/coordinates"] @ found["basis"])
    answers = outputs(classes.network, activations(classes.network, classes.images)).argmax(1)
    nearest = nearest_by_ncc(images, classes.images.float())
    right = nearest.score > 0.99
    assert right.sum() >= COUNT - 4
    same = found["candidates/label"][right] == answers[nearest.index[right]].numpy()
    assert same.sum() >= len(same) - 1  # an image's size is known less well than its pattern


def test_where_the_weights_forbid_it_the_search_by_gradients_goes_on(tmp_path, capsys):
    model = write(tmp_path, random_network(40, [60, 20]))
    reconstruct.run(settings(), 0, model, tmp_path / "0.h5", CPU)
    assert "the exact attack does not apply: the layers' squared norms differ" in capsys.readouterr().out
    assert store.read(tmp_path / "0.h5", "shard").facts["method"] == "published"
    with pytest.raises(UserError, match="set method to auto"):
        reconstruct.run(settings(method="exact"), 0, model, tmp_path / "1.h5", CPU)


def test_scrambled_weights_hold_no_pattern_and_are_searched_by_gradients(tmp_path, capsys):
    model = write(tmp_path, planted(COUNT, seed=1).network)
    scramble.run(0, model, tmp_path / "scrambled.h5")
    reconstruct.run(settings(method="exact"), 0, tmp_path / "scrambled.h5", tmp_path / "0.h5", CPU)
    assert "of 200 random starts none ends in a gate pattern" in capsys.readouterr().out
    assert store.read(tmp_path / "0.h5", "shard").facts["method"] != "exact"


@pytest.fixture
def shard(tmp_path):
    """A model, and a shard of its exact attack."""
    model = write(tmp_path, planted(COUNT, seed=1).network)
    reconstruct.run(settings(method="exact"), 0, model, tmp_path / "0.h5", CPU)
    return model, tmp_path / "0.h5"


def test_a_shard_in_another_basis_of_the_row_space_gives_the_same_images(tmp_path, shard):
    model, path = shard
    found = store.read(path, "shard")
    signs = np.where(np.arange(COUNT - 1) % 2, -1.0, 1.0)
    arrays = {**found.arrays, "basis": (found["basis"] * signs[:, None]).astype(np.float32)}
    for name in ("solutions/z", "solutions/v"):
        arrays[name] = found[name] * np.append(signs, 1)
    of_shard = {"facts": found.facts, "sources": {"model": store.read(model, "model")}}
    settings_json = settings(method="exact").to_json()
    store.write(tmp_path / "turned.h5", "shard", arrays, settings_json=settings_json, **of_shard)
    images = []
    for name in ("0.h5", "turned.h5"):
        deduplicate.run(Merge(), model, [tmp_path / name], tmp_path / "candidates.h5")
        candidates = store.read(tmp_path / "candidates.h5", "candidates")
        images.append(candidates["candidates/coordinates"] @ candidates["basis"])
    assert images[1] == pytest.approx(images[0], rel=1e-3, abs=1e-3)


def test_shards_of_another_model_are_refused(tmp_path, shard):
    other = write(tmp_path, random_network(40, [60, 20]), "other.h5")
    with pytest.raises(UserError, match="was not made from"):
        deduplicate.run(Merge(), other, [shard[1]], tmp_path / "candidates.h5")


def test_a_rank_beyond_the_first_layer_is_refused(tmp_path, shard):
    with pytest.raises(UserError, match=r"exact.rank: is 50, and the first layer's rank is 40 at most"):
        reconstruct.run(settings(exact={"rank": 50}), 0, shard[0], tmp_path / "1.h5", CPU)


def test_memory_that_does_not_suffice_is_said(tmp_path, shard, monkeypatch):
    monkeypatch.setattr(solving, "COPIES", 2**40)
    with pytest.raises(UserError, match=r"to solve for \d+ gate patterns together takes .* GiB, and .* GiB are free"):
        deduplicate.run(Merge(), shard[0], [shard[1]], tmp_path / "candidates.h5")


def test_weights_of_nothing_are_refused(tmp_path, capsys):
    network = random_network(40, [60, 20])
    nothing = network.map(lambda parameter: 0 * parameter)
    reconstruct.run(settings(), 0, write(tmp_path, nothing), tmp_path / "0.h5", CPU)
    assert "the exact attack does not apply: nothing of the first layer stands out of noise" in capsys.readouterr().out


def test_too_few_directions_are_left_to_gradients(tmp_path, capsys):
    model = write(tmp_path, planted(COUNT, units=20, seed=1).network)
    reconstruct.run(settings(), 0, model, tmp_path / "0.h5", CPU)
    assert "20 directions, too few for the 24 unknowns of an image" in capsys.readouterr().out
