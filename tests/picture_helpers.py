"""What the tests of images share: pictures with large features, as photographs have, and copies of them."""

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter


def pictures(count, height=24, width=24, channels=3, seed=0):
    """Random blobs (count, height, width, channels), or (count, height, width) of one channel, uint8 from 0 to 255."""
    random = np.random.default_rng(seed)
    grey, colour = (random.standard_normal((count, height, width, depth)) for depth in (1, channels))
    noise = grey + colour / 3
    smooth = gaussian_filter(noise, (0, 2, 2, 0), mode="wrap")
    low, high = smooth.min((1, 2, 3), keepdims=True), smooth.max((1, 2, 3), keepdims=True)
    return ((smooth - low) / (high - low) * 255).astype(np.uint8).squeeze(3 if channels == 1 else ())


def jpeg(image, quality):
    """The image as JPEG keeps it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
