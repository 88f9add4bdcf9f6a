"""How much memory matching takes, before any of it is taken."""

from __future__ import annotations


def to_match(size: int, candidates: int, images: int) -> int:
    """Bytes, of images of a size: of W_1's singular vectors and what completes them, in float64 and float32, of the
    candidates that are standardised at once, and of the images."""
    return size * (20 * size + 20 * candidates + 24 * images)
