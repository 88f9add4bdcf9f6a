"""Networks whose images the exact attack must find: planted ones, each unit at a fixed point of its own equation."""

from dataclasses import dataclass

import torch
from reconstruction.models.activations import RELU, PiecewiseLinear
from reconstruction.models.mlp import Network
from science_helpers import generator, orthonormal
from torch import Tensor


@dataclass(frozen=True)
class Planted:
    """images: (n, D); gates: (n, h) in [0, 1], those between 0 and 1 on kinks; factors: (n, K), of layer 2's units, the
    stronger first where there are two."""

    network: Network
    images: Tensor
    gates: Tensor
    factors: Tensor


def planted(
    count: int = 12,
    size: int = 40,
    units: int = 80,
    seed: int = 1,
    outputs: int = 1,
    later_biases: bool = False,
    activation: PiecewiseLinear = RELU,
) -> Planted:
    """T = sum_i lambda_i (u_i o s_i) z_i^T with s_i in the subdifferential of relu at T z_i, unit by unit.

    u_i is a combination of the rows of layer 2: two of either sign with factors in [0, 1] or, where there are several
    outputs, as many as these with factors of either sign.

    An image that pulls a unit, lambda_i u_ik > 0, has its gate on or off at random; one that pushes it has the gate
    that minimises |t_k|^2 / 2 over [0, 1], which is 1 where t_k . z_i > 0, 0 where < 0, and between on a kink.
    Units whose pulling images then lie on the wrong side are left out, and all but one of those of one direction.
    """
    draw, drawn = generator(seed), 150 * units
    coordinates = torch.randn(count, count - 1, generator=draw, dtype=torch.float64)
    coordinates = coordinates - coordinates.mean(0)
    z = torch.cat([coordinates, torch.ones(count, 1, dtype=torch.float64)], 1)
    fractions = torch.rand(count, 2, generator=draw, dtype=torch.float64)
    slope = activation.slope
    weights = 0.5 + torch.rand(count, generator=draw, dtype=torch.float64)
    weights = weights * torch.tensor([-1.0, 1.0]).repeat(count // 2)
    responses = torch.rand(2, drawn, generator=draw, dtype=torch.float64) * torch.tensor([[2.0], [-1.0]])
    if outputs > 1:
        fractions = torch.randn(count, outputs, generator=draw, dtype=torch.float64)
        responses = torch.randn(outputs, drawn, generator=draw, dtype=torch.float64)
        weights = weights.abs()
    strengths = weights[:, None] * (fractions @ responses)
    pulls = strengths > 0
    gates = (torch.rand(count, drawn, generator=draw) < 0.5).double()
    for steps in (300, 5000):
        rate = 1 / (z @ z.T).abs().sum(1).max() / strengths.square().clamp(min=1e-6)
        for _ in range(steps):
            gradient = strengths * (z @ (z.T @ (strengths * (slope + (1 - slope) * gates))))
            gates = torch.where(pulls, gates, (gates - rate * gradient).clamp(0, 1))
        a = z @ (z.T @ (strengths * (slope + (1 - slope) * gates)))
        settled = (torch.where(pulls, (a > 0) == (gates > 0.5), True).all(0)).nonzero().squeeze(1)[: 3 * units]
        strengths, responses, pulls, gates = (each[:, settled] for each in (strengths, responses, pulls, gates))
    table = (strengths * (slope + (1 - slope) * gates)).T @ z
    norms = table.norm(dim=1, keepdim=True)
    directions = table / norms.clamp(min=1e-9)
    twins = (directions @ directions.T).triu(1).amax(0) > 0.999
    chosen = (~twins & (norms.squeeze(1) > 0.1 * norms.median())).nonzero().squeeze(1)[:units]
    table, gates, responses = table[chosen], gates[:, chosen], responses[:, chosen]
    assert len(table) == units
    basis = orthonormal(count - 1, size, seed)
    first, bias = table[:, :-1] @ basis, table[:, -1]
    norm = (first.square().sum() + bias.square().sum()).sqrt()
    if outputs > 1:
        second, last = responses, torch.randn(outputs, outputs, generator=draw, dtype=torch.float64)
    else:
        second, last = responses * torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0, -1.0]]).double()
    second, last, later = second / second.norm(), last / last.norm(), (None, None)
    if later_biases:
        later = (torch.full((len(second),), 0.3).double(), torch.full((outputs,), 0.1).double())
        last = last * (1 + later[0].square().sum()).sqrt()
    network = Network.of((first / norm, second, last), (bias / norm, *later), activation)
    return Planted(network, coordinates @ basis, gates, fractions)
