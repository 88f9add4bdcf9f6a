"""Which candidates are alike: a sparse graph of nearest neighbours, never an all-pairs matrix.

Blocks of candidates are multiplied with each other, each pair of blocks once: N^2 r operations for N candidates of r
coordinates. Of a product only pairs beyond the similarity asked for, and beyond the k-th best that either of the two
has found so far, are looked at again; so memory is O(N (r + k) + BLOCK^2). Where the CPU multiplies bfloat16
natively, the products are taken in it and decide only which pairs are worth their float32 similarity.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse import csr_matrix

from ..configuration import Merge
from ..machine.blocks import blocks
from ..machine.devices import has_native_bfloat16

WHITENING = 0.5  # 0 leaves coordinates as they are, 1 makes every direction's spread equal
BLOCK = 4096  # candidates
BFLOAT16_ERROR = 2.0**-7  # exceeds that of a product of unit vectors: 2^-9 for either and for the result
FLOAT32_ERROR = 1e-5


def whiten(coordinates: np.ndarray) -> np.ndarray:
    """Unit fingerprints (N, r): each principal coordinate divided by its spread to the power WHITENING."""
    size = coordinates.shape[1]
    gram = np.zeros((size, size))
    for block in blocks(len(coordinates), BLOCK):
        gram += coordinates[block].T.astype(np.float64) @ coordinates[block]
    variances, directions = eigh(gram)
    keep = variances > variances[-1] * size * np.finfo(np.float32).eps
    scale = (directions[:, keep] / variances[keep] ** (WHITENING / 2)).astype(np.float32)
    fingerprints = coordinates @ scale
    for block in blocks(len(fingerprints), BLOCK):
        norms = np.linalg.norm(fingerprints[block], axis=1, keepdims=True)
        fingerprints[block] /= np.maximum(norms, np.finfo(np.float32).tiny)
    return fingerprints


def similarity_graph(fingerprints: np.ndarray, settings: Merge) -> csr_matrix:
    """The symmetric graph (N, N) of similarities of at least settings.similarity among nearest neighbours.

    fingerprints: (N, r), of unit norm. Two candidates are joined where either is among the other's nearest.
    """
    exact = torch.from_numpy(fingerprints.astype(np.float32, copy=False))
    native = has_native_bfloat16(torch.device("cpu"))
    coarse, error = (exact.bfloat16(), BFLOAT16_ERROR) if native else (exact, FLOAT32_ERROR)
    count, pieces = len(exact), blocks(len(exact), BLOCK)
    bars = np.full(count, settings.similarity, np.float32)  # what a candidate's next neighbour must reach
    found = [Neighbours(piece, settings.neighbours) for piece in pieces]
    for left, right in combinations_with_replacement(range(len(pieces)), 2):
        product = coarse[pieces[left]] @ coarse[pieces[right]].T
        near = np.flatnonzero((product >= settings.similarity - error).numpy())
        rows, columns = np.divmod(near, product.shape[1])
        rows, columns = rows + pieces[left].start, columns + pieces[right].start
        close = product.flatten()[near].float().numpy() >= np.minimum(bars[rows], bars[columns]) - error
        close &= rows < columns
        rows, columns = rows[close], columns[close]
        similarities = (exact[rows] * exact[columns]).sum(1).numpy()
        found[left].add(rows, columns, similarities, bars)
        found[right].add(columns, rows, similarities, bars)
    edges = [neighbours.nearest() for neighbours in found]
    rows, columns, similarities = (np.concatenate(part) for part in zip(*edges, strict=True))
    graph = csr_matrix((similarities, (rows, columns)), (count, count))
    return csr_matrix(graph.maximum(graph.T))


class Neighbours:
    """The nearest neighbours that a block of candidates has found so far."""

    def __init__(self, block: slice, count: int) -> None:
        self.count, self.room = count, 2 * count * (block.stop - block.start)
        self.edges: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, rows: np.ndarray, columns: np.ndarray, similarities: np.ndarray, bars: np.ndarray) -> None:
        """Edges from candidates of the block; raises their bars now and then."""
        better = similarities >= bars[rows]
        self.edges.append((rows[better].astype(np.int32), columns[better].astype(np.int32), similarities[better]))
        if sum(len(rows) for rows, _, _ in self.edges) > self.room:
            self.edges = [self.nearest()]
            rows, _, similarities = self.edges[0]
            last = np.flatnonzero(np.diff(rows, append=-1))
            full = last[last - np.r_[-1, last[:-1]] == self.count]
            bars[rows[full]] = similarities[full]

    def nearest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and similarities of at most `count` edges a row, by row, most similar first."""
        rows, columns, similarities = (np.concatenate(part) for part in zip(*self.edges, strict=True))
        order = np.lexsort((columns, -similarities, rows))
        rows = rows[order]
        first = np.searchsorted(rows, rows)
        kept = np.arange(len(rows)) - first < self.count
        return rows[kept], columns[order[kept]], similarities[order[kept]]
