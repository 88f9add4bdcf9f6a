"""Each activation against PyTorch's module of that name and autograd."""

from typing import get_args

import pytest
import torch
from reconstruction.configuration.models import ActivationName
from reconstruction.models.activations import ACTIVATIONS, Smooth
from science_helpers import EVERY_ACTIVATION, normal

Z = torch.cat([torch.linspace(-12, 12, 97, dtype=torch.float64), normal(200)]).requires_grad_()
every = pytest.mark.parametrize("activation", EVERY_ACTIVATION.values(), ids=str)


def derivative_by_autograd(value, z):
    return torch.autograd.grad(value.sum(), z, create_graph=True)[0]


@every
def test_value_and_derivatives_equal_pytorchs(activation):
    value = activation.module()(Z)
    first = derivative_by_autograd(value, Z)
    z = Z.detach()
    torch.testing.assert_close(activation.value(z), value.detach())
    torch.testing.assert_close(activation.derivative(z), first.detach())
    if isinstance(activation, Smooth):
        torch.testing.assert_close(activation.second_derivative(z), derivative_by_autograd(first, Z).detach())
    assert torch.equal(z, Z)
    torch.testing.assert_close(activation.value_(z.clone()), value.detach())


@every
def test_a_homogeneous_one_scales_with_its_argument_and_keeps_its_sign(activation):
    z = Z.detach()
    assert torch.allclose(activation.value(3 * z), 3 * activation.value(z)) == activation.is_homogeneous
    if activation.is_homogeneous:
        assert torch.equal(activation.derivative(activation.value(z)), activation.derivative(z))


def test_the_configuration_knows_them_all():
    assert get_args(ActivationName) == tuple(ACTIVATIONS)


@every
def test_precision_is_kept(activation):
    for dtype in (torch.float32, torch.bfloat16):
        z = Z.detach().to(dtype)
        found = [activation.value(z), activation.derivative(z)]
        found += [activation.second_derivative(z)] if isinstance(activation, Smooth) else []
        assert all(part.dtype == dtype and part.isfinite().all() for part in found)
