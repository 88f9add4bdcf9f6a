"""The blocked search for neighbours against all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Merge
from reconstruction.merging import similarity as module
from reconstruction.merging.similarity import similarity_graph, whiten
from science_helpers import normal, orthonormal, properties


def test_fingerprints_are_unit_vectors_that_rotation_and_scale_do_not_change():
    coordinates = (normal(25, 30) @ normal(30, 30, seed=1)).float().numpy()
    plain = whiten(coordinates)
    turned = whiten(7 * coordinates @ orthonormal(30, 30, seed=3).float().numpy())
    assert np.linalg.norm(plain, axis=1) == pytest.approx(1, abs=1e-5)
    assert turned @ turned.T == pytest.approx(plain @ plain.T, abs=1e-3)


def test_whitening_halves_the_spread_of_principal_directions_on_a_logarithmic_scale():
    coordinates = (normal(5000, 3).numpy() * [100, 10, 1]).astype(np.float32)
    gram = coordinates.T.astype(float) @ coordinates
    values, vectors = np.linalg.eigh(gram)
    expected = coordinates @ vectors @ np.diag(values**-0.25)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = whiten(coordinates)
    assert found[:50] @ found[:50].T == pytest.approx(expected[:50] @ expected[:50].T, abs=1e-4)


def all_pairs(fingerprints, settings):
    """The graph (N, N) as its docstring says it, from every pair at once."""
    cosines = fingerprints.astype(float) @ fingerprints.T.astype(float)
    np.fill_diagonal(cosines, -2)
    ranks = np.argsort(np.argsort(-cosines, axis=1), axis=1)
    near = (ranks < settings.neighbours) | (ranks < settings.neighbours).T
    return np.where(near & (cosines >= settings.similarity), cosines, 0)


def found_graph(fingerprints, settings, block, native):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        patch.setattr(module, "has_native_bfloat16", lambda device: native)
        return similarity_graph(fingerprints, settings).toarray()


@properties
@given(
    count=st.integers(1, 40),
    size=st.integers(2, 6),
    neighbours=st.integers(1, 40),
    similarity=st.floats(0.05, 0.95),
    seed=st.integers(0, 999),
    block=st.integers(1, 41),
    native=st.booleans(),
)
def test_the_graph_joins_nearest_neighbours_that_are_similar_enough(
    count, size, neighbours, similarity, seed, block, native
):
    fingerprints = normal(count, size, seed=seed).float().numpy()
    fingerprints /= np.linalg.norm(fingerprints, axis=1, keepdims=True)
    settings = Merge(neighbours=neighbours, similarity=similarity)
    assert found_graph(fingerprints, settings, block, native) == pytest.approx(
        all_pairs(fingerprints, settings), abs=1e-6
    )


@pytest.mark.parametrize("native", [False, True])
def test_crowds_larger_than_the_neighbours_that_are_kept(native):
    crowds = normal(4, 30).repeat_interleave(100, 0) + 0.4 * normal(400, 30, seed=1)
    fingerprints = (crowds / crowds.norm(dim=1, keepdim=True)).float().numpy()
    settings = Merge(neighbours=5, similarity=0.3)
    found = found_graph(fingerprints, settings, 32, native)
    assert found == pytest.approx(all_pairs(fingerprints, settings), abs=1e-6)
    assert (found > 0).sum(1).min() >= 5
