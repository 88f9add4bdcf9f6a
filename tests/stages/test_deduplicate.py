"""Shards in, candidates.h5 out; foreign shards are refused."""

import numpy as np
import pytest
import torch
from reconstruction.configuration import Merge
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.stages.deduplicate import run
from science_helpers import orthonormal, phi
from shard_helpers import BASIS, CANDIDATES, RANK, shard_candidates, write_model, write_shard


def merged(folder, model, shards, settings=None):
    run(settings or Merge(), model, shards, folder / "candidates.h5")
    return store.read(folder / "candidates.h5", "candidates")


def test_every_candidate_keeps_its_restart_label_and_lambda(tmp_path):
    model = write_model(tmp_path)
    found = merged(tmp_path, model, [write_shard(tmp_path, index, model, diverged=[1]) for index in (0, 1)])
    assert found["candidates/coordinates"].reshape(3, CANDIDATES, RANK) == pytest.approx(shard_candidates([0, 2, 3]))
    assert found["candidates/restart"].tolist() == [0] * 6 + [2] * 6 + [3] * 6
    assert found["candidates/label"].tolist() == [-1, -1, -1, 1, 1, 1] * 3
    expected = np.concatenate([number + np.linspace(0, 0.5, CANDIDATES) for number in (0, 2, 3)])
    assert found["candidates/lambda"] == pytest.approx(expected)
    assert np.bincount(found["candidates/cluster"]).sum() == 18
    assert len(found["representatives/support"]) == found["candidates/cluster"].max() + 1
    assert found["restarts/restart"].tolist() == [0, 1, 2, 3]
    assert found["restarts/diverged"].tolist() == [False, True, False, False]
    assert found["restarts/trace/residuals"][:, 0, 0].tolist() == [0, 1, 2, 3]
    assert found["restarts/trace/iterations"].tolist() == [0, 5]
    assert np.array_equal(found["basis"], BASIS)
    assert found.facts["restart_seconds"] == 4.0
    store.require_source(found, "model", store.read(model, "model"))


def test_the_order_of_shards_changes_nothing(tmp_path):
    model = write_model(tmp_path)
    shards = [write_shard(tmp_path, index, model) for index in range(3)]
    assert merged(tmp_path, model, shards).digest == merged(tmp_path, model, shards[::-1]).digest


def test_a_single_restart_is_merged(tmp_path):
    model = write_model(tmp_path)
    found = merged(tmp_path, model, [write_shard(tmp_path, 0, model, diverged=[0])])
    assert set(found["candidates/restart"].tolist()) == {1}
    assert set(found["representatives/support"].tolist()) == {1}


def test_a_search_in_pixels_has_no_basis(tmp_path):
    model = write_model(tmp_path)
    found = merged(tmp_path, model, [write_shard(tmp_path, index, model, method="published") for index in (0, 1)])
    assert "basis" not in found.arrays
    assert found["candidates/coordinates"].shape == (4 * CANDIDATES, BASIS.shape[1])


@pytest.mark.parametrize("method", ["subspace", "published"])
def test_margins_are_those_of_the_network_whatever_the_search_space(tmp_path, method):
    model = write_model(tmp_path)
    found = merged(tmp_path, model, [write_shard(tmp_path, index, model, method=method) for index in (0, 1)])
    pixels = torch.from_numpy(found["candidates/coordinates"] @ (BASIS if method == "subspace" else np.eye(12)))
    network = deployed.read(model).network.to(dtype=torch.float64)
    margins = phi(network, pixels.double()).numpy() * found["candidates/label"]
    expected = [np.median(margins[found["candidates/cluster"] == cluster]) for cluster in found["candidates/cluster"]]
    assert found["representatives/margin"][found["candidates/cluster"]] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("turn", [np.diag([1.0, -1, 1, -1, -1]), orthonormal(RANK, RANK, seed=7).numpy()])
def test_a_shard_in_another_basis_of_the_same_space_is_brought_to_the_firsts(tmp_path, turn):
    model = write_model(tmp_path)
    first = write_shard(tmp_path, 0, model)
    expected = merged(tmp_path, model, [first, write_shard(tmp_path, 1, model)])
    found = merged(tmp_path, model, [first, write_shard(tmp_path, 1, model, turn=turn)])
    assert np.array_equal(found["basis"], BASIS)
    assert found["candidates/coordinates"] == pytest.approx(expected["candidates/coordinates"], abs=1e-5)
    assert found["candidates/cluster"].tolist() == expected["candidates/cluster"].tolist()


def test_a_diverged_restart_in_another_basis_is_left_out(tmp_path):
    model = write_model(tmp_path)
    turned = write_shard(tmp_path, 1, model, diverged=[2], turn=orthonormal(RANK, RANK, seed=7).numpy())
    found = merged(tmp_path, model, [write_shard(tmp_path, 0, model), turned])
    assert found["candidates/coordinates"].reshape(3, CANDIDATES, RANK) == pytest.approx(
        shard_candidates([0, 1, 3]), abs=1e-5
    )


def test_shards_of_another_model_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    model, other = write_model(tmp_path), write_model(tmp_path / "other", seed=1)
    shards = [write_shard(tmp_path, 0, model), write_shard(tmp_path, 1, other)]
    with pytest.raises(UserError, match=r"0001\.h5: was not made from .*model\.h5"):
        run(Merge(), model, shards, tmp_path / "candidates.h5")


@pytest.mark.parametrize("difference", [{"seed": 1}, {"method": "published"}])
def test_shards_of_another_sweep_are_refused(tmp_path, difference):
    model = write_model(tmp_path)
    shards = [write_shard(tmp_path, 0, model), write_shard(tmp_path, 1, model, **difference)]
    with pytest.raises(UserError, match=r"0001\.h5: belongs to another sweep than .*0000\.h5"):
        run(Merge(), model, shards, tmp_path / "candidates.h5")


def test_a_restart_given_twice_is_refused(tmp_path):
    model = write_model(tmp_path)
    shards = [write_shard(tmp_path, 0, model), write_shard(tmp_path, 1, model, numbers=[1, 2])]
    with pytest.raises(UserError, match=r"0001\.h5: repeats restart 1 of .*0000\.h5"):
        run(Merge(), model, shards, tmp_path / "candidates.h5")


def test_a_sweep_that_diverged_altogether_is_refused(tmp_path):
    model = write_model(tmp_path)
    shards = [write_shard(tmp_path, index, model, diverged=range(4)) for index in (0, 1)]
    with pytest.raises(UserError, match=r"all 4 restarts diverged; lower .*learning_rate"):
        run(Merge(), model, shards, tmp_path / "candidates.h5")
    assert not (tmp_path / "candidates.h5").exists()
