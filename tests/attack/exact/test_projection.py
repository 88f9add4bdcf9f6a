"""The two projections of the exact attack against brute force."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.exact import graph
from reconstruction.attack.exact.equations import Equations
from reconstruction.attack.exact.projection import projection
from reconstruction.models.mlp import Network
from science_helpers import normal, properties, relative

numbers = st.floats(-3, 3)


def system(rows, unknowns, seed=0):
    return Equations(
        rows=torch.nn.functional.normalize(normal(rows, unknowns, seed=seed), dim=1),
        weighted=normal(rows, unknowns, seed=seed + 1),
        above=Network((normal(2, rows, seed=seed + 2), normal(1, 2, seed=seed + 4)), None),
        responses=normal(2, rows, seed=seed + 3),
        mixing=torch.eye(2).double(),
        scales=torch.ones(rows).double(),
        basis=torch.eye(unknowns - 1).double(),
        spectrum=torch.ones(unknowns - 1).double(),
    )


@properties
@given(a=numbers, y=numbers, u=st.floats(0.1, 2), sign=st.sampled_from([-1.0, 1.0]), slope=st.sampled_from([0, 0.1]))
def test_no_point_of_the_graph_is_nearer(a, y, u, sign, slope):
    u = sign * u
    line = torch.linspace(-6, 6, 4001).double()
    share = torch.linspace(0, 1, 4001).double()
    points = torch.cat(
        [
            torch.stack([line.clamp(max=0), torch.full_like(line, slope * u)], 1),
            torch.stack([torch.zeros_like(share), (slope + (1 - slope) * share) * u], 1),
            torch.stack([line.clamp(min=0), torch.full_like(line, u)], 1),
        ]
    )
    nearest = (points - torch.tensor([a, y], dtype=torch.float64)).square().sum(1).min()
    found_a, found_y = graph.nearest(*(torch.tensor([value], dtype=torch.float64) for value in (a, y, u)), slope)
    distance = (found_a - a).square() + (found_y - y).square()
    off, on = (found_a <= 0) & (found_y == slope * u), (found_a >= 0) & (found_y == u)
    kink = (found_a == 0) & (found_y / u <= 1) & (found_y / u >= slope)
    assert (off | on | kink).all()
    assert distance.item() <= nearest.item() + 1e-12


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_z_and_v_minimise_what_they_are_said_to(ridge):
    equations, starts = system(30, 6), normal(4, 6, seed=9)
    precision = torch.diag(torch.arange(6).double())
    level = torch.arange(1, 5).double()
    a, y = normal(4, 30, seed=7), normal(4, 30, seed=8)
    z, v = projection(equations, precision, ridge, starts, level).solve(a, y)
    assert relative((z * starts).sum(1), level) < 1e-12
    z, v = z.requires_grad_(), v.requires_grad_()
    loss = (z @ equations.rows.T - a).square().sum() + ((z @ precision) * z).sum()
    (gradient,) = torch.autograd.grad(loss, z)
    along = (gradient * starts).sum(1, keepdim=True) / starts.square().sum(1, keepdim=True) * starts
    assert (gradient - along).abs().max() < 1e-9
    loss = (v @ equations.weighted.T - y).square().sum() + ridge * v.square().sum()
    (gradient,) = torch.autograd.grad(loss, v)
    assert gradient.abs().max() < 1e-9


def test_float32_projects_as_float64_does():
    equations, starts = system(40, 8), normal(5, 8, seed=9)
    a, y, level = normal(5, 40, seed=7), normal(5, 40, seed=8), torch.ones(5).double()
    double = projection(equations, torch.eye(8).double(), 1e-4, starts, level).project(a, y)
    single = projection(equations, torch.eye(8).double(), 1e-4, starts.float(), level).project(a.float(), y.float())
    for found, expected in zip(single, double, strict=True):
        assert relative(found.double(), expected) < 1e-5
