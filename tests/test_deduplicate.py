"""Merging: planted images come together, spurious ones stay alone, and foreign shards are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction import deployed, store
from reconstruction.configuration import Merge, Restarts
from reconstruction.deduplicate import absorb_neighbours, agreement_between_restarts, merge, run
from reconstruction.errors import UserError
from reconstruction.hyperparameters import NAMES
from reconstruction.network import initialise, outputs
from reconstruction.ranking import Signals
from science_helpers import generator, normal, orthonormal, properties
from scipy.sparse import csr_matrix

IMAGES, SIZE, RESTARTS = 10, 30, 4
PLANTED = orthonormal(IMAGES, SIZE, seed=8).numpy()
IN_RESTARTS = [image % RESTARTS + 1 for image in range(IMAGES)]  # image k comes back in the first so many


def planted(noise=0.04):
    """Candidates (N, r) of several restarts, in restart order, the restart (N,) and planted image (N,) of each."""
    restart, image = np.array([(r, k) for r in range(RESTARTS) for k in range(IMAGES) if r < IN_RESTARTS[k]]).T
    scale = 0.5 + np.random.default_rng(1).random(len(image))
    coordinates = scale[:, None] * (PLANTED[image] + noise * normal(len(image), SIZE, seed=2).numpy())
    return coordinates.astype(np.float32), restart, image


def signals(count, **given):
    """Of candidates that the network sees all alike, but for what is given."""
    return Signals(**{name: np.ones(count) for name in ("lambdas", "margins", "responses")} | given)


def as_partition(membership):
    return {frozenset(np.flatnonzero(membership == cluster).tolist()) for cluster in np.unique(membership)}


def test_planted_images_make_one_cluster_each_with_their_support():
    coordinates, restart, image = planted()
    lambdas = image + 0.1 * restart**2
    found = merge(coordinates, restart, signals(len(restart), lambdas=lambdas), Merge())
    assert as_partition(found.membership) == as_partition(image)
    assert len(found.score) == IMAGES
    for cluster in range(IMAGES):
        members = np.flatnonzero(found.membership == cluster)
        k = image[members[0]]
        assert found.support[cluster] == IN_RESTARTS[k]
        assert found.signals.lambdas[cluster] == pytest.approx(np.median(lambdas[members]))
        unit = coordinates[members] / np.linalg.norm(coordinates[members], axis=1, keepdims=True)
        assert found.representatives[cluster] == pytest.approx(unit.mean(0), abs=1e-5)
        assert found.representatives[cluster] @ PLANTED[k] > 0.95
        assert (
            found.spread[cluster] == pytest.approx(0, abs=1e-5) if len(members) == 1 else found.spread[cluster] > 0.01
        )


def test_clusters_that_the_network_sees_alike_are_ranked_by_their_agreement():
    coordinates, restart, _ = planted()
    found = merge(coordinates, restart, signals(len(restart)), Merge())
    assert found.support.tolist() == sorted(IN_RESTARTS, reverse=True)
    assert found.score == pytest.approx(found.agreement**3)
    assert (np.diff(found.score) <= 0).all()
    assert ((found.agreement > 0.75 * found.support / RESTARTS) & (found.agreement <= found.support / RESTARTS)).all()
    assert ((found.spread >= -1e-5) & (found.spread < 1)).all()


def test_what_the_network_takes_for_the_other_class_comes_last():
    coordinates, restart, image = planted()
    found = merge(coordinates, restart, signals(len(restart), margins=np.where(image == 3, -1.0, 2.0)), Merge())
    last = image[found.membership == IMAGES - 1]
    assert (last == 3).all()
    assert found.score[-1] == 0
    assert found.support[-1] == RESTARTS
    assert (found.score[:-1] > 0).all()


def test_many_candidates_of_one_restart_count_once():
    coordinates, _, image = planted()
    found = merge(coordinates, np.zeros(len(image), int), signals(len(image)), Merge())
    assert as_partition(found.membership) == as_partition(image)
    assert found.support.tolist() == [1] * IMAGES


@properties
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_the_order_of_candidates_changes_labels_only(random, neighbours):
    coordinates, restart, _ = planted()
    coordinates = np.concatenate([coordinates, normal(20, SIZE, seed=5).float().numpy()])
    restart = np.concatenate([restart, np.arange(20) % RESTARTS])
    drawn = np.random.default_rng(0).random((3, len(restart)))
    measured = Signals(drawn[0], drawn[1] - 0.1, drawn[2])
    order = np.array(random.sample(range(len(restart)), len(restart)))
    settings = Merge(neighbours=neighbours, similarity=0.6)
    plain = merge(coordinates, restart, measured, settings)
    mixed = merge(coordinates[order], restart[order], measured[order], settings)
    back = np.empty_like(mixed.membership)
    back[order] = mixed.membership
    assert as_partition(back) == as_partition(plain.membership)
    assert mixed.score == pytest.approx(plain.score, abs=1e-4)
    for found, expected in zip(back, plain.membership, strict=True):
        assert mixed.representatives[found] == pytest.approx(plain.representatives[expected], abs=1e-4)
        assert mixed.support[found] == plain.support[expected]
        assert mixed.signals.lambdas[found] == pytest.approx(plain.signals.lambdas[expected])


@properties
@given(st.integers(2, 40), st.integers(0, 999), st.integers(1, 50), st.floats(0.05, 0.9))
def test_clusters_cover_every_candidate(count, seed, neighbours, similarity):
    restart = np.arange(count) % 3
    settings = Merge(neighbours=neighbours, similarity=similarity)
    found = merge(normal(count, 6, seed=seed).float().numpy(), restart, signals(count), settings)
    assert sorted(set(found.membership.tolist())) == list(range(len(found.score)))
    for cluster, support in enumerate(found.support):
        assert support == len(set(restart[found.membership == cluster].tolist()))


def random_graph(count, seed):
    drawn = np.random.default_rng(seed)
    upper = np.triu(drawn.random((count, count)) * (drawn.random((count, count)) < 0.4), 1)
    return csr_matrix(upper + upper.T)


@properties
@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 999))
def test_agreement_is_the_sum_over_other_restarts_of_the_best_similarity(count, restarts, seed):
    graph = random_graph(count, seed)
    restart = np.random.default_rng(seed).integers(0, restarts, count)
    dense = graph.toarray()
    expected = [
        sum(max(dense[row, restart == other]) for other in set(restart.tolist()) - {restart[row]})
        for row in range(count)
    ]
    assert agreement_between_restarts(graph, restart) == pytest.approx(expected)


@properties
@given(st.integers(1, 20), st.integers(0, 999))
def test_each_leader_absorbs_the_neighbours_that_are_left(count, seed):
    graph, agreement = random_graph(count, seed), np.random.default_rng(seed + 1).random(count)
    dense, expected, leaders = graph.toarray(), {}, []
    for candidate in sorted(range(count), key=lambda row: -agreement[row]):
        if candidate not in expected:
            expected[candidate] = len(leaders)
            for other in np.flatnonzero(dense[candidate]).tolist():
                expected.setdefault(other, len(leaders))
            leaders.append(candidate)
    membership, found = absorb_neighbours(graph, agreement)
    assert found.tolist() == leaders
    assert membership.tolist() == [expected[row] for row in range(count)]


def test_a_chain_does_not_join_its_ends_to_one_leader():
    chain = csr_matrix(np.array([[0, 0.9, 0], [0.9, 0, 0.9], [0, 0.9, 0]]))
    membership, leaders = absorb_neighbours(chain, np.array([2.0, 1.0, 0.5]))
    assert membership.tolist() == [0, 0, 1]
    assert leaders.tolist() == [0, 2]


# The stage, on small files ---------------------------------------------------------------------------

CANDIDATES, RANK = 6, 5
BASIS = orthonormal(RANK, 12, seed=6).float().numpy()


def write_model(folder, seed=0):
    network = initialise(12, [7], 0.1, generator(seed))
    store.write(
        folder / "model.h5", "model", deployed.arrays(network, np.zeros((1, 3, 4), np.float32)), settings_json="{}"
    )
    return folder / "model.h5"


def shard_candidates(numbers):
    return np.stack([normal(CANDIDATES, RANK, seed=40 + number).float().numpy() for number in numbers])


def write_shard(folder, index, model, *, numbers=None, diverged=(), method="subspace", seed=0, turn=None):
    """Shard `index` of two restarts; turn (r, r) is an orthogonal matrix that its basis is turned by."""
    numbers = [2 * index, 2 * index + 1] if numbers is None else numbers
    candidates = shard_candidates(numbers)
    basis = BASIS
    if turn is not None:
        basis, candidates = turn @ BASIS, (candidates @ turn.T).astype(np.float32)
    if method == "published":
        candidates = candidates @ BASIS
    lost = np.array([number in diverged for number in numbers])
    candidates[lost] = np.nan
    arrays = {
        "restart": np.array(numbers),
        **{f"hyperparameters/{name}": np.full(len(numbers), 0.5) for name in NAMES},
        "candidates": candidates,
        "lambdas": np.stack([number + np.linspace(0, 0.5, CANDIDATES, dtype=np.float32) for number in numbers]),
        "labels": np.repeat(np.array([-1, 1], np.int8), CANDIDATES // 2),
        "diverged": lost,
        "trace/iterations": np.array([0, 5]),
        "trace/residuals": np.stack([np.full((2, 2), number, np.float32) for number in numbers]),
    }
    if method == "subspace":
        arrays["basis"] = basis.astype(np.float32)
    store.write(
        folder / f"{index:04}.h5",
        "shard",
        arrays,
        settings_json=Restarts(candidates=CANDIDATES, per_shard=2, seed=seed).to_json(),
        facts={"method": method, "seconds": 1.5 + index, "device": "cpu"},
        sources={"model": store.read(model, "model")},
    )
    return folder / f"{index:04}.h5"


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
    margins = outputs(network, pixels.double()).numpy() * found["candidates/label"]
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
