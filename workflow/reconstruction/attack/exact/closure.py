"""Whether a known image closes the first layer's equations: a membership score in closed form.

At rest under weight decay the column u o f'(T z) of every training image lies in the column space of T = [W_1 | b_1]
(equations.py). So the distance of a known image's column to that space tells whether it was trained on, without a
search, without other images and whatever its lambda is. Training images lie on kinks of many units, where no gate is
right: units within KINK of their hyperplane are left out, of every image by the same rule. Part of what the score
tells are these kinks themselves, which members have and others do not. A smooth activation has none.

No rank is asked for: the ridge tells what of T counts, so that noise in the weights does as little harm as it can.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...models.mlp import Network, activations, sensitivities

KINK = 1e-3  # sine of the angle between an image and a unit's hyperplane
RIDGE = 1e-6  # of the mean square of a row of T
FAINT = 1e-3  # of the ridge: what lies below has no part in any column


def closure(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """The share (n,) of the squared norm of each image's column that the column space of T holds, in [0, 1].

    inputs: (n, D); labels: (n,) of the network's family. In float64.
    """
    network, inputs, labels = network.to(dtype=torch.float64), inputs.double(), labels.double()
    columns = sensitivities(network, activations(network, inputs), labels)[0]
    _, values, basis = torch.linalg.svd(network.weights[0], full_matrices=False)
    basis = basis[values.square() > FAINT * RIDGE * values.square().sum() / len(network.weights[0])]
    table, z = network.weights[0] @ basis.T, inputs @ basis.T
    if network.bias is not None:
        table = torch.cat([table, network.bias[:, None]], 1)
        z = torch.cat([z, z.new_ones(len(z), 1)], 1)
    norms = table.norm(dim=1)
    sines = (z @ table.T) / (norms * z.norm(dim=1, keepdim=True)).clamp(min=torch.finfo(torch.float64).tiny)
    gram = table.T @ table + RIDGE * norms.square().mean() * torch.eye(table.shape[1], dtype=torch.float64)
    held = []
    kink = KINK if network.activation.is_homogeneous else -1
    for column, off_kink in zip(columns, sines.abs() > kink, strict=True):
        out = table[~off_kink]
        rows, right = table[off_kink], column[off_kink]
        left = right - rows @ torch.linalg.solve(gram - out.T @ out, rows.T @ right)
        held.append(1 - left.square().sum() / right.square().sum().clamp(min=torch.finfo(torch.float64).tiny))
    return torch.stack(held)
