"""Whether two sets of images are of one kind."""

import numpy as np
import pytest
from reconstruction.evaluation.kinds import DIFFERENT, told_apart
from reconstruction.evaluation.quantities import QUANTITIES
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


def test_coordinates_of_vectors_count_alike_whatever_their_size():
    random = np.random.default_rng(0)
    vectors, others = random.normal(size=(2, 100, 30)) * ([1e3] * 29 + [1])
    vectors[:, -1] += 4
    assert told_apart(vectors, others).low > DIFFERENT


@pytest.mark.parametrize("images", [np.arange(12.0).reshape(4, 3), np.ones((50, 3)), np.ones((50, 1, 4, 4))])
def test_of_a_few_or_where_nothing_varies_nothing_is_told(images):
    found = told_apart(images, np.ones((50, *images.shape[1:])))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_limit_is_the_one_that_the_table_names():
    assert f"above {DIFFERENT} they are of different kinds" in QUANTITIES["kind_auc_low"].meaning
