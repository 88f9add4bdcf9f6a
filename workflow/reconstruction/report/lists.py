"""An experiment's images, restarts and representatives one by one, a row each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..files import store
from .palette import AXIS_LABELS

OF_IMAGES = (
    "labels", "ncc", "hit", "expected_ncc", "calibrated_hit", "excess", "reconstructed", "reconstructed_by_ncc",
    "ssim3", "ssim3_clamp", "ssim3_one_contrast", "ssim11", "l2", "one_to_one_ncc", "nearest_candidate",
    "one_to_one_representative", "ssim_candidate",
)  # fmt: skip
OF_REPRESENTATIVES = ("support", "agreement", "spread", "lambda", "margin", "response", "score")


def images(evaluation: store.Stored, margins: np.ndarray) -> pd.DataFrame:
    """Every image, of training first; calibrated_hit is nan where no other network tells what to expect."""
    of_training, held_out = (len(evaluation[f"{part}/ncc"]) for part in ("training", "held_out"))
    both = {
        name: np.concatenate([evaluation[f"{part}/{name}"] for part in ("training", "held_out")])
        for name in ("source_index", *OF_IMAGES)
    }
    unknown = np.isnan(both["expected_ncc"])
    calibrated = np.where(unknown, np.nan, both["calibrated_hit"].astype(object))
    columns = {
        "part": ["training"] * of_training + ["held-out"] * held_out,
        "source_index": both["source_index"],
        "label": both["labels"],
        "margin": np.concatenate([margins, np.full(held_out, np.nan)]),
        **{name: both[name] for name in OF_IMAGES[1:]},
        "calibrated_hit": calibrated,
    }
    return pd.DataFrame(columns)


def representatives(candidates: store.Stored) -> pd.DataFrame:
    """Every representative, best first."""
    columns = {name: candidates[f"representatives/{name}"] for name in OF_REPRESENTATIVES}
    return pd.DataFrame({"rank": np.arange(1, len(columns["score"]) + 1), **columns})


def hyperparameters(candidates: store.Stored) -> dict[str, np.ndarray]:
    """Those of the restarts, each (R,), by name; none of the exact attack."""
    names = {name: f"restarts/hyperparameters/{name}" for name in AXIS_LABELS}
    return {name: candidates[path] for name, path in names.items() if path in candidates.arrays}


def restarts(candidates: store.Stored, squared_norms: np.ndarray) -> pd.DataFrame:
    """Every restart: its hyperparameters, and the unexplained share of ||W_k||^2 at its start and end."""
    shares = candidates["restarts/trace/residuals"] / squared_norms
    columns = {
        **{name: candidates[f"restarts/{name}"] for name in ("restart", "diverged")},
        **hyperparameters(candidates),
        **{
            f"layer{layer + 1}_{end}": shares[:, moment, layer]
            for layer in range(shares.shape[2])
            for end, moment in (("start", 0), ("end", -1))
        },
    }
    return pd.DataFrame(columns)
