"""Gates against autograd, and what they become where the sigmoid is sharp."""

import pytest
import torch
from reconstruction.attack.search.gates import gate, gate_derivative
from science_helpers import EVERY_ACTIVATION, normal

every = pytest.mark.parametrize("activation", EVERY_ACTIVATION.values(), ids=str)
SHARPNESS = torch.tensor([0.3, 4.0, 60.0]).double().view(3, 1, 1)


@every
def test_a_gates_derivative_is_autograds(activation):
    z = normal(3, 20, 7).requires_grad_()
    opened = gate(activation, z, SHARPNESS)
    (expected,) = torch.autograd.grad(opened.sum(), z)
    found = gate_derivative(activation, z.detach(), opened.detach(), SHARPNESS)
    torch.testing.assert_close(found, expected)


@every
def test_a_sharp_gate_is_the_activations_derivative(activation):
    z = normal(3, 20, 7)
    torch.testing.assert_close(gate(activation, z, 1e9 * SHARPNESS), activation.derivative(z))
