"""Which of a restart's candidates its shard keeps, chosen without the training set: those of largest norm.

What came to nothing is dull, and a candidate that became an image is not. Each restart is judged by itself, so what
is kept does not hang on how restarts are put into shards. docs/scale.md has what this loses beside other rules.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def largest(candidates: Tensor, labels: Tensor, keep: float) -> Tensor:
    """Indices (K, k), ascending, of the fraction `keep` of the candidates (K, m, r) with either label (m,).

    Every restart keeps as many of each label, so that one row of labels goes on serving all of them. A norm that is
    no number counts as the largest.
    """
    norms = candidates.norm(dim=-1)
    chosen = []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(-1)
        count = math.ceil(keep * len(members) - 1e-9)
        chosen.append(members[norms[:, members].topk(count).indices])
    return torch.cat(chosen, 1).sort(1).values
