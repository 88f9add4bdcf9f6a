"""How much memory networks and images take, before any of it is taken; in bytes, of which float64 has 8 a number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def to_train(size: int, hidden: Sequence[int], trained: int, images: int) -> int:
    """Of inputs of a size, hidden layers of these widths, that many training images, and images of all parts.

    At the peak there are five first layers: the initial one, what of it lies outside of the span of the data, what
    training has made of the rest, their sum, and a product under way; of the others as many; and the layers' values.
    """
    return 8 * (5 * of_layers((size, *hidden)) + 2 * trained * (size + sum(hidden))) + of_images(size, images)


def of_layers(sizes: Sequence[int]) -> int:
    """How many weights there are, those of the output aside."""
    return sum(before * after for before, after in pairwise(sizes))


def to_examine(size: int, width: int, images: int) -> int:
    """The first layer in float64 beside the one that is stored, and the images."""
    return 12 * size * width + of_images(size, images)


def of_images(size: int, images: int) -> int:
    """Network inputs in float64, and in float32 what they are made of."""
    return 12 * size * images
