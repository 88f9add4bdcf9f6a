"""The graph of a relu's subdifferential, scaled by u: pairs (a, y) with y / u in d relu(a), unit by unit."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest(a: Tensor, y: Tensor, u: Tensor, slope: float = 0.0) -> tuple[Tensor, Tensor]:
    """The nearest point of the graph to each pair of a and y, all of one shape; u != 0 of either sign, slope < 1.

    The graph has three pieces: a <= 0 with y = slope u, a = 0 with y between that and u, and a >= 0 with y = u. Where
    a < 0 the last is never the nearest, and where a > 0 the first never is.
    """
    off = slope * u
    on_kink = y.clamp(torch.minimum(off, u), torch.maximum(off, u))
    flat = torch.where(a > 0, u, off)
    to_kink = a.square() + (y - on_kink).square()
    to_flat = (y - flat).square()
    kink = to_kink < to_flat
    return torch.where(kink, torch.zeros_like(a), a), torch.where(kink, on_kink, flat)
