"""What a public pool takes is counted: its images when the contrast is set, its vectors when the nearest are found."""

import tracemalloc

import numpy as np
import pytest
from reconstruction.evaluation.capacity import BLOCK, to_match
from reconstruction.evaluation.neighbours import Public
from reconstruction.evaluation.showing import Showing
from reconstruction.models.deployed import Deployed
from science_helpers import random_network, stored

PUBLIC = 3000


def peak(make, *given):
    tracemalloc.start()
    try:
        made = make(*given)
        return made, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 9, 11), (99,)])
def test_what_is_made_of_a_public_pool_fits_into_what_is_asked_for_it(shape):
    images = np.random.default_rng(0).random((PUBLIC, *shape), dtype=np.float32)
    mean, std = np.zeros(shape, np.float32), np.ones(shape if len(shape) == 1 else (1, 1, 1), np.float32)
    model = Deployed(random_network(99, [5]), mean, stored(), std)
    counted = to_match(shape, PUBLIC, 8, PUBLIC) - to_match(shape, PUBLIC, 8)
    for make, given in (
        (Showing.among, (images, mean)),
        (Public.of, (stored(public__images=images, public__source_index=np.arange(PUBLIC)), model)),
    ):
        made, taken = peak(make, *given)
        assert taken < 1.05 * counted
        if made is not None:  # of images no nearest are shown
            assert taken > 0.8 * counted


def test_public_vectors_are_compared_as_candidates_are():
    """Coordinates and their negatives, so many at once, whichever are more; public images are never compared."""
    assert to_match((99,), 10, 8, BLOCK // 2) - to_match((99,), BLOCK // 2, 8) == 8 * 99 * BLOCK // 2
    assert to_match((99,), BLOCK, 8, 3 * BLOCK) - to_match((99,), 9 * BLOCK, 8) == 8 * 99 * 3 * BLOCK
    assert to_match((99,), 10, 8) - 20 * 99**2 == 2 * (to_match((9, 11), 10, 8) - 20 * 99**2)
    assert to_match((9, 11), 10, 8, BLOCK) - to_match((9, 11), 10, 8) == 8 * 99 * BLOCK
