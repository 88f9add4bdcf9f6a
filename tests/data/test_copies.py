"""Copies are found however they were saved, and pictures of other things are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_helpers import jpeg, pictures
from reconstruction.data import copies
from science_helpers import properties
from skimage.data import lfw_subset

PICTURES = pictures(60)


def channels_first(images):
    return np.ascontiguousarray(images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2) / np.float32(255))


def brightened(image):
    return np.clip(1.2 * image + 10, 0, 255).astype(np.uint8)


@given(
    st.permutations(range(60)),
    st.integers(1, 59),
    st.sampled_from([lambda image: image, brightened]),
    st.integers(1, 2**20),
)
@properties
def test_copies_are_found_among_others(order, count, change, numbers):
    originals, given = PICTURES[:30], np.stack([change(image) for image in PICTURES[order[:count]]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "NUMBERS", numbers)
        found = copies.copies(channels_first(given), channels_first(originals))
    assert found.tolist() == [number if number < 30 else -1 for number in order[:count]]


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_photographs_saved_anew_are_copies(quality):
    faces = (lfw_subset()[:100] * 255).astype(np.uint8)
    saved = np.stack([jpeg(face, quality) for face in faces[:50]])
    found = copies.copies(channels_first(saved), channels_first(faces[:50]))
    assert (found == np.arange(50)).mean() > 0.95
    assert (copies.copies(channels_first(faces[50:]), channels_first(faces[:50])) == -1).all()


def test_images_that_are_all_alike_are_no_copies_unless_they_are_equal():
    """As aligned scans are, or digits 1: of NCC 0.96 to 0.98 with each other, where a copy would stand out."""
    common = pictures(1)[0].astype(float)
    images = channels_first(common + 0.22 * (pictures(40, seed=5) - 127.0))
    nearest = (np.corrcoef(images.reshape(40, -1)) - np.eye(40)).max(1)
    assert copies.LIKELY < nearest.min() <= nearest.max() < copies.SURE
    assert (copies.copies(images[20:], images[:20]) == -1).all()
    assert copies.copies(images[5:6], images[:20]).tolist() == [5]


def test_of_one_set_no_image_is_its_own_copy():
    images = channels_first(PICTURES[[0, 1, 2, 0, 3, 2, 2]])
    found = copies.copies(images, images, themselves=True)
    assert found[[0, 1, 3, 4]].tolist() == [3, -1, 0, -1]
    assert set(found[[2, 5, 6]]) <= {2, 5, 6}


def test_images_of_one_value_are_copies_of_none():
    flat = np.full((3, 1, 4, 4), 0.3, np.float32)
    assert (copies.copies(flat, flat) == -1).all()


def test_one_original_is_enough():
    images = channels_first(PICTURES[:2])
    assert copies.copies(images, images[:1]).tolist() == [0, -1]
    assert copies.copies(images[:1], images[:1], themselves=True).tolist() == [-1]
