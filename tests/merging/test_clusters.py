"""Merging: planted images come together, spurious ones stay alone, and foreign shards are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Merge
from reconstruction.merging.clusters import absorb_neighbours, agreement_between_restarts, merge
from reconstruction.merging.ranking import Signals
from science_helpers import normal, orthonormal, properties
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
