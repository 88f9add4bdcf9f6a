"""Which vectors of a public pool are nearest to a candidate: coordinates show nobody anything, names and pictures do.

They take no training data, and none of them was trained on: they say of what kind a candidate is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..files import store
from ..models.deployed import Deployed
from ..models.space import INPUTS
from .matching import several_by_ncc
from .pixels import Pixels

SEVERAL = 3


@dataclass(frozen=True)
class Public:
    """names: (N,), or numbers in the file; pictures: (N, C, H, W), or None."""

    vectors: Pixels  # N, as they are compared
    names: np.ndarray
    pictures: np.ndarray | None

    @classmethod
    def of(cls, subset: store.Stored, model: Deployed) -> Public | None:
        """None of images, and where a subset has no public vectors."""
        if not model.of_vectors or "public/images" not in subset.arrays:
            return None
        names = subset.arrays.get("public/names", subset["public/source_index"])
        vectors = Pixels(model.inputs(subset["public/images"]).numpy(), INPUTS, model)
        return cls(vectors, names.astype(str), subset.arrays.get("public/pictures"))

    def near(self, candidates: Tensor) -> dict[str, np.ndarray]:
        """What is kept of the vectors nearest to each of k candidates, as they are compared, best first: names and
        cosines (k, SEVERAL), and what they look like (k, SEVERAL, C, H, W) if they came with pictures."""
        found = several_by_ncc(candidates, self.vectors, SEVERAL)
        shown = {} if self.pictures is None else {"public_shown": self.pictures[found.index]}
        return {"public_names": self.names[found.index], "public_cosines": found.score, **shown}
