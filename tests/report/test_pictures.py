"""Pictures enlarged, each pixel a square, and small ones of them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from reconstruction.report.pictures import LARGE, as_bytes, enlarged, thumbnail_of_pairs


@pytest.mark.parametrize("shape", [(1, 25, 25), (3, 32, 32), (3, 12, 20), (1, 28, 1), (3, 511, 4), (1, 600, 700)])
def test_each_pixel_becomes_a_square(shape):
    picture = np.random.default_rng(0).random(shape, np.float32)
    large = enlarged(picture)
    times = large.shape[1] // shape[1]
    assert max(large.shape[1:]) >= LARGE
    assert times == 1 or max(shape[1:]) * (times - 1) < LARGE
    np.testing.assert_array_equal(large, np.kron(picture, np.ones((1, times, times), np.float32)))


def test_a_thumbnail_of_enlarged_pairs_is_small_and_shows_them(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 64)) / 255
    Image.fromarray(as_bytes(enlarged(pixels[:, :, :32]).repeat(2, axis=2))).save(tmp_path / "001_source4.png")
    shown = Image.open(io.BytesIO(base64.b64decode(thumbnail_of_pairs(tmp_path).partition(",")[2])))
    assert (shown.height, shown.width) == (65, 3 * 129)
    np.testing.assert_array_equal(np.asarray(shown)[:64:2, :128:4], as_bytes(pixels[:, :, :32]))
