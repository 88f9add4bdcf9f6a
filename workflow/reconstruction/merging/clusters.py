"""Candidates that are one image, merged without the training set.

Spurious solutions differ from restart to restart and true images come back, so restarts vote. Two candidates are
compared by the cosine of their half-whitened coordinates, which is blind to much of what all images share. A sparse
graph of nearest neighbours, never an all-pairs matrix, holds the similarities; candidates are taken in the order of
their agreement with other restarts, and each absorbs its neighbours.

For N candidates of r coordinates, k neighbours and C representatives, time is O(N^2 r) in blocked matrix products,
which similarity.py describes, and memory O(N (r + k) + C r): a handful of copies of the coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from ..configuration import Merge
from ..machine.blocks import blocks
from .ranking import Signals, score
from .similarity import BLOCK, similarity_graph, whiten


@dataclass(frozen=True)
class Clusters:
    """membership: (N,), each candidate's cluster; the rest (C,), best score first."""

    membership: np.ndarray
    representatives: np.ndarray  # (C, r), the mean of the members scaled to unit norm
    support: np.ndarray  # how many restarts agree
    agreement: np.ndarray  # the same, each restart counted by its similarity to the cluster's first, as a share of all
    spread: np.ndarray  # 1 - mean similarity of the members to the cluster's first
    signals: Signals  # medians over members
    score: np.ndarray  # of ranking.py


def merge(coordinates: np.ndarray, restart: np.ndarray, signals: Signals, settings: Merge) -> Clusters:
    """Cluster candidates (N, r) of the given restarts (N,) and signals, and rank the clusters."""
    fingerprints = whiten(coordinates)
    graph = similarity_graph(fingerprints, settings)
    agreement = agreement_between_restarts(graph, restart)
    membership, leaders = absorb_neighbours(graph, agreement)

    count = len(leaders)
    sizes = np.bincount(membership, minlength=count)
    norms = np.maximum(np.sqrt(np.einsum("nr,nr->n", coordinates, coordinates)), np.finfo(np.float32).tiny)
    members = csr_matrix((1 / norms, (membership, np.arange(len(membership)))))
    representatives = (members @ coordinates) / sizes[:, None]
    leader = leaders[membership]
    similarity = [
        np.einsum("nr,nr->n", fingerprints[block], fingerprints[leader[block]]) for block in blocks(len(leader), BLOCK)
    ]
    spread = np.maximum(1 - np.bincount(membership, np.concatenate(similarity), count) / sizes, 0)
    support = pd.Series(restart).groupby(membership).nunique().to_numpy()
    medians = signals.medians(membership)
    shares = (1 + agreement[leaders]) / len(np.unique(restart))
    scores = score(shares, medians)
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(count, int)
    rank[order] = np.arange(count)
    return Clusters(
        membership=rank[membership],
        representatives=representatives[order].astype(np.float32),
        support=support[order],
        agreement=shares[order],
        spread=spread[order],
        signals=medians[order],
        score=scores[order],
    )


def agreement_between_restarts(graph: csr_matrix, restart: np.ndarray) -> np.ndarray:
    """For each candidate, the sum over other restarts of its largest similarity to one of theirs."""
    edges = graph.tocoo()
    other = restart[edges.row] != restart[edges.col]
    rows, columns, similarities = edges.row[other], restart[edges.col[other]], edges.data[other]
    order = np.lexsort((-similarities, columns, rows))
    rows, columns, similarities = rows[order], columns[order], similarities[order]
    best = np.ones(len(rows), bool)
    best[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    return np.bincount(rows[best], similarities[best], graph.shape[0])


def absorb_neighbours(graph: csr_matrix, agreement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clusters around the candidates that agree most: membership (N,) and each cluster's leader (C,).

    Unlike connected components, a chain of similar candidates cannot join two unlike ones to one leader.
    """
    membership = np.full(len(agreement), -1)
    leaders: list[int] = []
    for candidate in np.argsort(-agreement, kind="stable"):
        if membership[candidate] >= 0:
            continue
        neighbours = graph.indices[graph.indptr[candidate] : graph.indptr[candidate + 1]]
        membership[neighbours[membership[neighbours] < 0]] = len(leaders)
        membership[candidate] = len(leaders)
        leaders.append(candidate)
    return membership, np.array(leaders)
