"""Douglas-Rachford keeps each start's best iterate, and never waits for a GPU's numbers."""

import pytest
import torch
from exact_helpers import planted
from reconstruction.attack.exact import graph
from reconstruction.attack.exact.equations import equations
from reconstruction.attack.exact.search import DouglasRachford, GateSearch, begin
from reconstruction.attack.exact.sensitivity import random_factors
from science_helpers import generator, normal
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

COUNT = 8


def started():
    system = equations(planted(COUNT, size=20, units=30).network, COUNT - 1)
    unknowns = system.rows.shape[1]
    starts = begin(system, normal(5, unknowns), random_factors(system, 5, generator(0)).double())
    return DouglasRachford(system, starts, torch.eye(unknowns).double(), GateSearch(20, 1e-2))


def test_the_best_iterate_of_each_start_is_kept():
    state, gaps, gates = started(), [], []
    for _ in range(20):
        _, a, y = state.projection.project(state.a, state.y)
        found = graph.nearest(2 * a - state.a, 2 * y - state.y, state.u, state.equations.slope)
        distance = (found[0] - a).square().sum(1) + (found[1] - y).square().sum(1)
        gaps.append(distance / state.u.square().sum(1))
        gates.append(state.equations.gates(found[1] / state.u))
        state.step()
    smallest = torch.stack(gaps).min(0)
    assert len(smallest.indices.unique()) > 1
    torch.testing.assert_close(state.best.gap, smallest.values)
    expected = torch.stack([gates[step][start] for start, step in enumerate(smallest.indices)])
    torch.testing.assert_close(state.best.gates, expected)


def test_a_start_that_leaves_the_finite_numbers_keeps_the_gates_that_it_had():
    state = started()
    begun, state.a[2] = state.best.gates.clone(), torch.nan
    state.step()
    assert torch.isinf(state.best.gap[2])
    assert torch.equal(state.best.gates[2], begun[2])
    assert torch.isfinite(state.best.gap[[0, 1, 3, 4]]).all()


def test_no_step_asks_for_a_number():
    """Tensors without numbers, of which the device has none to give before it has computed them."""
    state = started()
    with FakeTensorMode(allow_non_fake_inputs=True) as numberless:
        with pytest.raises(DynamicOutputShapeException):
            numberless.from_tensor(state.gap).nonzero()
        for name, value in vars(state).items():
            if isinstance(value, torch.Tensor):
                setattr(state, name, numberless.from_tensor(value))
        for _ in range(2 * state.settings.update_every):
            state.step()
