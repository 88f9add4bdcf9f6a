"""How much memory matching takes, before any of it is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCK = 8192  # candidates, or vectors of a public pool, at once


def to_match(shape: Sequence[int], candidates: int, images: int, public: int = 0) -> int:
    """Bytes, of images of a shape (C, H, W), or vectors (D,): of W_1's singular vectors and what completes them, in
    float64 and float32, of the candidates that are standardised at once, of the images, and of what is made of a public
    pool, which has been read by then.

    Vectors are compared as twice as many numbers, and those of a public pool as candidates are.
    """
    size, of_vectors = math.prod(shape), len(shape) == 1
    compared = 2 * size if of_vectors else size
    at_once = min(BLOCK, max(candidates, public) if of_vectors else candidates)
    return size * (20 * size + 8 * public) + compared * (20 * at_once + 24 * images)
