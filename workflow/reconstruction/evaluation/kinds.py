"""Whether held-out images are of the kind of the training images, so that their looks alone do not tell them apart.

A random forest that tells images of the one from those of the other which it has not seen finds a difference of kind,
and then a count beside held-out images may tell the kind instead of what was trained on.
"""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .separation import Estimate, area

DIFFERENT = 0.6  # AUC that the interval must lie above; classes of CIFAR-10 against others have 0.75, one pool 0.5
DIRECTIONS, FOLDS, TREES = 20, 5, 100


def told_apart(images: np.ndarray, others: np.ndarray) -> Estimate:
    """The AUC, with its interval, of a forest on the principal components, cross-validated.

    images: (n, ...); others: (k, ...), of vectors (n, D) with standardised coordinates. Of fewer than FOLDS of either,
    or where nothing varies, it is guessing, and anything may be.
    """
    both = np.concatenate([images.reshape(len(images), -1), others.reshape(len(others), -1)]).astype(np.float32)
    if min(len(images), len(others)) < FOLDS or not both.std(0).any():
        return Estimate(0.5, 0.0, 1.0)
    if images.ndim == 2:
        both = StandardScaler().fit_transform(both)
    first = np.arange(len(both)) < len(images)
    directions = min(DIRECTIONS, both.shape[1], len(both) * (FOLDS - 1) // FOLDS - 1)
    forest = make_pipeline(
        PCA(directions, svd_solver="randomized", random_state=0), RandomForestClassifier(TREES, random_state=0)
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    told = cross_val_predict(forest, both, first, cv=folds, method="predict_proba")[:, 1]
    return area(told[first], told[~first])
