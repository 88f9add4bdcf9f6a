"""Whether two sets of images are of one kind."""

import numpy as np
import pytest
from reconstruction.evaluation.kinds import DIFFERENT, told_apart
from skimage.data import lfw_subset


@pytest.mark.parametrize("seed", range(2))
def test_draws_of_one_pool_are_of_one_kind(seed):
    images = np.random.default_rng(seed).permutation(lfw_subset())
    for count in (20, 100):
        found = told_apart(images[:count], images[count : 2 * count])
        assert found.low < 0.6
        assert found.high > 0.5


@pytest.mark.parametrize("count", [30, 100])
def test_faces_and_photographs_without_one_are_not(count):
    images = lfw_subset()
    assert told_apart(images[:count], images[100 : 100 + count]).low > DIFFERENT


def test_vectors_of_another_spread_are_of_another_kind():
    random = np.random.default_rng(0)
    assert told_apart(random.normal(size=(100, 8)), random.normal(size=(100, 8)) * 3).low > DIFFERENT


def test_of_a_few_nothing_is_told():
    found = told_apart(np.zeros((4, 3)), np.ones((50, 3)))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
