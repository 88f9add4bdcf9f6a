"""How learning rates fall over the steps of training or the iterations of a search."""

from __future__ import annotations

import math


def constant(iteration: int, iterations: int) -> float:
    return 1.0


def cosine(iteration: int, iterations: int) -> float:
    """The learning rate's factor falls from 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * iteration / iterations))


DECAYS = {"constant": constant, "cosine": cosine}
