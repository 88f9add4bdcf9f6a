"""The first layer's equations: what a network's weights say about one training image, whatever the others are.

At a stationary point under weight decay

    T = [W_1 | b_1] = sum_i lambda_i (u_i o s_i) z_i^T,    z_i = (x_i, 1), s_i in the subdifferential of relu at T z_i,

with u_i = dPhi/d(first hidden layer) at x_i. So every image is a solution (z, v) of T v in u(z) o d relu(T z).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ...models.mlp import Network

DEAD = 3e-3  # of the median row's norm: units that weight decay has all but removed
PARALLEL = 0.9999  # cosine of rows that have the same gate for every image
WEAK = 0.1  # of the median row's norm: a unit of this size weighs half as much as a strong one, where there is noise
QUIET = 3e-6  # of W_1's norm: what arithmetic in float32 leaves outside of its rank
CONDENSED = 0.999  # cosine of rows of layer 2 that respond as one
SILENT = 1e-6  # of the largest row of layer 2
WEAKEST = 3e-3  # of layer 2's largest singular value
FEW = 8  # directions of layer 2 whose fractions are estimated; of more, a forward pass tells which respond


class UnknownDepth(ValueError):
    """The network has no hidden layer, or more than two and too many directions in the second."""


@dataclass(frozen=True)
class Equations:
    """One row for each of m directions of the first layer, units of the same direction being summed.

    Each is weighted by how far its size stands above what noise in the weights may be.

    rows: (m, d), whose norms, of mean square 1, are the weights; an image z is r coordinates c of x = c @ basis, then 1
    where the layer has a bias.
    weighted: (m, d), the same rows as they stand in T, over the typical |u| of their units.
    inward: (K, m), layer 2 by its K directions: the sign of inward @ relu(rows @ z) tells which respond.
    outward: (K, m), the same for the output: Phi is the sum of outward @ relu(rows @ z) over those that respond.
    responses: (K, m), u of each of them, over the typical |u|: an image's u is a combination with factors in [0, 1],
    or of either sign where signed, as deeper layers have them.
    scales: (m,), what a row of T was divided by to become weighted.
    basis: (r, D), orthonormal; spectrum: (r,), the singular values of W_1 that belong to it.
    """

    rows: Tensor
    weighted: Tensor
    inward: Tensor
    outward: Tensor
    responses: Tensor
    scales: Tensor
    basis: Tensor
    spectrum: Tensor
    signed: bool = False
    tells_classes: bool = True

    @property
    def confirms(self) -> bool:
        """Whether an image's lambda is told by its own output: not where no factors tell that, nor of a regression,
        whose targets nobody knows."""
        return self.tells_classes and not self.signed

    @property
    def biased(self) -> bool:
        return self.rows.shape[1] > len(self.basis)

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Equations:
        tensors = {field.name: getattr(self, field.name) for field in fields(self) if field.type == "Tensor"}
        return replace(self, **{name: tensor.to(device, dtype) for name, tensor in tensors.items()})


def equations(network: Network, rank: int) -> Equations:
    """The equations in the top `rank` right singular vectors of W_1, float64.

    Raises UnknownDepth for a network whose u is no combination of few responses.
    """
    first, *others = (weight.double() for weight in network.weights)
    if not others:
        raise UnknownDepth("the exact attack does not apply: the network has no hidden layer")
    _, spectrum, basis = torch.linalg.svd(first, full_matrices=False)
    table = first @ basis[:rank].T
    if network.bias is not None:
        table = torch.cat([table, network.bias.double()[:, None]], 1)
    inward, responses = _second(*others)
    norms = table.norm(dim=1)
    alive = norms > DEAD * norms.median()
    groups = parallel(table[alive] / norms[alive, None])
    count = int(groups.max()) + 1

    def summed(columns: Tensor) -> Tensor:
        return columns.new_zeros(len(columns), count).index_add_(1, groups, columns[:, alive])

    grouped, outward, responses = summed(table.T).T, summed(responses * norms), summed(responses)
    typical = responses.abs().sum(0)
    typical = typical.clamp(min=1e-6 * typical.max().item())
    sizes = grouped.norm(dim=1)
    noisy = spectrum[rank:].norm() > QUIET * spectrum.norm()
    sure = sizes / (sizes + (WEAK * sizes.median() if noisy else 0))
    sure = sure / sure.square().mean().sqrt()
    scale = (grouped / typical[:, None]).square().sum(1).mean().sqrt()
    scales = typical * scale / sure
    return Equations(
        rows=grouped * (sure / sizes)[:, None],
        weighted=grouped / scales[:, None],
        inward=summed(inward * norms) / sure,
        outward=outward / sure,
        responses=responses * sure / typical,
        scales=scales,
        basis=basis[:rank],
        spectrum=spectrum[:rank],
        signed=len(others) > 2,
        tells_classes=network.regression is None,
    )


def _second(second: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """inward and responses (K, h_1): of the one output, of layer 2 with the output's row, or of layer 2 by itself.

    Whatever lies above layer 2, u lies in its row space, whose directions have factors that the equations tell.
    """
    if not others:
        return second.abs(), second
    if len(others) == 1:
        return condensed(second, others[0][0])
    _, values, right = torch.linalg.svd(second, full_matrices=False)
    rank = int((values > WEAKEST * values[0]).sum())
    if rank > FEW:
        raise UnknownDepth(
            f"the exact attack does not apply: layer 2 of {len(others) + 1} has rank {rank}, and at this depth it "
            f"reads {FEW} at most"
        )
    return right[:rank], right[:rank]


def condensed(second: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Layer 2 (h_2, h_1) by its K directions, and what each hands back: sums of W_2[j] and of last[j] W_2[j], (K, h_1).

    Rows of one direction and one sign of last (h_2,) respond together; the strongest lead.
    """
    norms = second.norm(dim=1) * last.abs()
    order = torch.argsort(norms, descending=True)
    order = order[norms[order] > SILENT * norms.max()]
    units = second[order] / second[order].norm(dim=1, keepdim=True)
    alike = (units @ units.T > CONDENSED) & (last[order, None] * last[order] > 0)
    left = torch.ones(len(order), dtype=torch.bool)
    inward, responses = [], []
    while left.any():
        group = left & alike[int(left.int().argmax())]
        inward.append(second[order[group]].sum(0))
        responses.append((second[order[group]] * last[order[group], None]).sum(0))
        left &= ~group
    return torch.stack(inward), torch.stack(responses)


def parallel(directions: Tensor) -> Tensor:
    """The group (h,) of each unit row (h, d), by cosine with the first row of its group."""
    alike = directions @ directions.T > PARALLEL
    groups = torch.full((len(directions),), -1, dtype=torch.long)
    count = 0
    for row in range(len(directions)):
        if groups[row] < 0:
            groups[alike[row] & (groups < 0)] = count
            count += 1
    return groups
