"""How much memory networks and images take, before any of it is taken; in bytes, of which float64 has 8 a number."""

from __future__ import annotations


def to_train(size: int, width: int, trained: int, images: int) -> int:
    """Of inputs of a size, a first layer of a width, that many training images, and images of all parts.

    At the peak there are five first layers: the initial one, what of it lies outside of the span of the data, what
    training has made of the rest, their sum, and a product under way.
    """
    return 8 * size * (5 * width + 2 * trained) + of_images(size, images)


def to_examine(size: int, width: int, images: int) -> int:
    """The first layer in float64 beside the one that is stored, and the images."""
    return 12 * size * width + of_images(size, images)


def of_images(size: int, images: int) -> int:
    """Network inputs in float64, and in float32 what they are made of."""
    return 12 * size * images
