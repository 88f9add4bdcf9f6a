"""Which vectors of a public pool are nearest to a candidate: coordinates show nobody anything, names and pictures do.

They take no training data: they say of what kind a candidate is.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        own = "public/"
        kept = {name.removeprefix(own): array for name, array in subset.arrays.items() if name.startswith(own)}
        if not model.of_vectors or "images" not in kept:
            return None
        return cls.among(kept["images"], kept, kept["source_index"], model)

    @classmethod
    def among(
        cls, vectors: np.ndarray, beside: Mapping[str, np.ndarray], numbers: np.ndarray, model: Deployed
    ) -> Public:
        """Of vectors (N, D), the names or pictures that came beside them, and their numbers (N,) in the file."""
        compared = Pixels(model.inputs(vectors).numpy(), INPUTS, model)
        return cls(compared, beside.get("names", numbers).astype(str), beside.get("pictures"))

    def near(self, candidates: Tensor) -> dict[str, np.ndarray]:
        """What is kept of the vectors nearest to each of k candidates, as they are compared, best first: names and
        cosines (k, SEVERAL), and what they look like (k, SEVERAL, C, H, W) if they came with pictures."""
        found = several_by_ncc(candidates, self.vectors, SEVERAL)
        shown = {} if self.pictures is None else {"public_shown": self.pictures[found.index]}
        return {"public_names": self.names[found.index], "public_cosines": found.score, **shown}
