"""The first layer's equations: what a network's weights say about one training image, whatever the others are.

At a stationary point under weight decay

    T = [W_1 | b_1] = sum_i lambda_i (u_i o s_i) z_i^T,    z_i = (x_i, 1), s_i in the subdifferential of relu at T z_i,

with u_i = dq/d(first hidden layer) at x_i. So every image is a solution (z, v) of T v in u(z) o d relu(T z). The relu
may be leaky, its derivative between `slope` and 1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ...models.activations import PiecewiseLinear
from ...models.mlp import Network, activations

DEAD = 3e-3  # of the median row's norm: units that weight decay has all but removed
PARALLEL = 0.9999  # cosine of rows that have the same gate for every image
WEAK = 0.1  # of the median row's norm: a unit of this size weighs half as much as a strong one, where there is noise
QUIET = 3e-6  # of W_1's norm: what arithmetic in float32 leaves outside of its rank
CONDENSED = 0.999  # cosine of rows of layer 2 that respond as one
SILENT = 1e-6  # of the largest row of layer 2
WEAKEST = 3e-3  # of layer 2's largest singular value
FEW = 16  # directions of layer 2 whose factors are estimated; of more, a forward pass tells which respond


class NotRead(ValueError):
    """The network has no such equations, or too many unknowns in them; says why in a sentence."""


@dataclass(frozen=True)
class Equations:
    """One row for each of m directions of the first layer, units of the same direction being summed.

    Each is weighted by how far its size stands above what noise in the weights may be.

    rows: (m, d), whose norms, of mean square 1, are the weights; an image z is r coordinates c of x = c @ basis, then 1
    where the layer has a bias.
    weighted: (m, d), the same rows as they stand in T, over the typical |u| of their units.
    above: the layers above the first, on relu(rows @ z) of the m directions; two hidden layers have the second by its
    K directions there.
    responses: (K, m), u of each direction of layer 2, over the typical |u|: an image's u is a combination with factors
    in [0, 1], or of either sign where signed, as deeper layers and several outputs have them.
    mixing: (h_2, K), layer 2 by its directions: dq/d(layer 2, before its relu) @ mixing are the factors.
    scales: (m,), what a row of T was divided by to become weighted.
    basis: (r, D), orthonormal; spectrum: (r,), the singular values of W_1 that belong to it.
    slope: the derivative where a gate is 0; it is 1 where the gate is.
    """

    rows: Tensor
    weighted: Tensor
    above: Network
    responses: Tensor
    mixing: Tensor
    scales: Tensor
    basis: Tensor
    spectrum: Tensor
    signed: bool = False
    slope: float = 0.0

    @property
    def confirms(self) -> bool:
        """Whether the output at an image tells its lambda: not of a regression, whose targets nobody knows."""
        return self.above.regression is None

    @property
    def biased(self) -> bool:
        return self.rows.shape[1] > len(self.basis)

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Equations:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: value.to(device, dtype) for name, value in values.items() if isinstance(value, Tensor)}
        return Equations(**values | moved | {"above": self.above.to(device=device, dtype=dtype)})

    def derivative(self, gates: Tensor) -> Tensor:
        """s of gates in [0, 1]."""
        return self.slope + (1 - self.slope) * gates

    def gates(self, derivative: Tensor) -> Tensor:
        """Of s, as near as gates come."""
        return ((derivative - self.slope) / (1 - self.slope)).clamp(0, 1)

    def size(self, z: Tensor) -> Tensor:
        """By how much (B, 1) images z (B, d) are too large, of which the equations say nothing but by the bias."""
        return z[:, -1:] if self.biased else torch.ones_like(z[:, :1])

    def layers_above(self, z: Tensor) -> list[Tensor]:
        """Activations from the first hidden layer to the last, of images z (B, d) at their own size."""
        return activations(self.above, self.above.activation.value(z / self.size(z) @ self.rows.T))


def equations(network: Network, rank: int) -> Equations:
    """The equations in the top `rank` right singular vectors of W_1, float64.

    Raises NotRead for a network whose u is no combination of few responses.
    """
    network = network.to(dtype=torch.float64)
    first, *others = network.weights
    if not isinstance(network.activation, PiecewiseLinear):
        raise NotRead(f"the exact attack does not apply: it reads gates, which {network.activation} has none of")
    if not others:
        raise NotRead("the exact attack does not apply: the network has no hidden layer")
    _, spectrum, basis = torch.linalg.svd(first, full_matrices=False)
    table = first @ basis[:rank].T
    if network.bias is not None:
        table = torch.cat([table, network.bias[:, None]], 1)
    above, responses, mixing, signed = _above(network)
    norms = table.norm(dim=1)
    alive = norms > DEAD * norms.median()
    groups = parallel(table[alive] / norms[alive, None])
    count = int(groups.max()) + 1

    def summed(columns: Tensor) -> Tensor:
        return columns.new_zeros(len(columns), count).index_add_(1, groups, columns[:, alive])

    grouped, inward, responses = summed(table.T).T, summed(above.weights[0] * norms), summed(responses)
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
        above=above.with_first_layer(inward / sure),
        responses=responses * sure / typical,
        mixing=mixing,
        scales=scales,
        basis=basis[:rank],
        spectrum=spectrum[:rank],
        signed=signed,
        slope=network.activation.slope,
    )


def _above(network: Network) -> tuple[Network, Tensor, Tensor, bool]:
    """The layers above the first; the responses (K, h_1) that make up u, how layer 2 is made up of them (h_2, K), and
    whether their factors may be negative.

    Whatever lies above layer 2, u lies in its row space, whose directions have factors that the equations tell.
    """
    above = network.with_layers(network.weights[1:], network.biases[1:])
    second, *others = above.weights
    if network.family.outputs == 1 and len(others) < 2:
        above = condensed(above) if others else above
        signs = above.weights[1][0] if others else second.new_ones(1)
        return above, signs[:, None] * above.weights[0], torch.diag(signs), False
    _, values, right = torch.linalg.svd(second, full_matrices=False)
    rank = int((values > WEAKEST * values[0]).sum())
    if rank > FEW:
        raise NotRead(
            f"the exact attack does not apply: layer 2 has rank {rank}, and of networks with several outputs or more "
            f"than two hidden layers it reads {FEW} at most"
        )
    return above, right[:rank], second @ right[:rank].T, True


def condensed(above: Network) -> Network:
    """The same hidden layer and output, of weights (h_2, h_1) and (1, h_2), with a unit for each of its K directions.

    Units of one direction, their bias counted with it, and one sign of output respond together; the strongest lead.
    """
    (second, last), (bias, _) = above.weights, above.biases
    strengths, table = last[0].abs(), second if bias is None else torch.cat([second, bias[:, None]], 1)
    table = table * strengths[:, None]
    norms = table.norm(dim=1)
    order = torch.argsort(norms, descending=True)
    order = order[norms[order] > SILENT * norms.max()]
    units, signs = table[order] / norms[order, None], last[0, order].sign()
    alike = (units @ units.T > CONDENSED) & (signs[:, None] * signs > 0)
    left = torch.ones(len(order), dtype=torch.bool)
    rows, kept = [], []
    while left.any():
        leader = int(left.int().argmax())
        group = left & alike[leader]
        rows.append(table[order[group]].sum(0))
        kept.append(signs[leader])
        left &= ~group
    whole, size = torch.stack(rows), second.shape[1]
    return replace(
        above, weights=(whole[:, :size], torch.stack(kept)[None]), bias=None if bias is None else whole[:, -1]
    )


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
