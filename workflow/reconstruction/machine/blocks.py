"""What is too many to be handled at once, in runs."""

from __future__ import annotations


def blocks(count: int, size: int) -> list[slice]:
    """The numbers below `count` in runs of at most `size`."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
