"""Priors: each gradient against autograd of the penalty as it is written down, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reconstruction.attack.pictures import COLOURS, FALL, LEAST, SLOWEST, Spectrum, public_spectrum
from reconstruction.attack.plan import choose
from reconstruction.attack.search.priors import OF_PICTURES, QUADRATIC, ROUNDED, Penalty, Pixels
from reconstruction.configuration import PRIOR_WEIGHTS, Restarts
from reconstruction.errors import UserError
from reconstruction.models.space import INPUTS, Space
from science_helpers import method, normal, orthonormal, random_network, uniform
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SHAPE = (3, 4, 6)
SIZE = 3 * 4 * 6
PIXELS = Pixels(uniform(*SHAPE, seed=1), 0.2 + uniform(3, 1, 1, seed=2).expand(SHAPE))
SPACES = pytest.mark.parametrize("space", [INPUTS, Space(orthonormal(9, SIZE))], ids=["inputs", "subspace"])


def out_of_range(pictures):
    return (-pictures).relu().square().sum() + (pictures - 1).relu().square().sum()


def total_variation(pictures):
    return sum((pictures.diff(dim=axis).square() + ROUNDED**2).sqrt().sum() for axis in (-2, -1))


def waves():
    """The real waves of a picture (D, H, W, D = H W), each with its squared frequency, from their definition."""
    rows, columns = torch.meshgrid(torch.arange(4.0).double(), torch.arange(6.0).double(), indexing="ij")
    for vertical in range(4):
        for horizontal in range(6):
            phase = 2 * torch.pi * (vertical * rows / 4 + horizontal * columns / 6)
            squared = min(vertical, 4 - vertical) ** 2 + min(horizontal, 6 - horizontal) ** 2
            yield squared, phase.cos(), phase.sin()


def energies(pictures):
    """By wave: squared frequency, and the energy (..., C, C) that each two channels share."""
    for squared, cosine, sine in waves():
        parts = [(pictures * wave).sum((-2, -1)) for wave in (cosine, sine)]
        yield squared, sum(part.unsqueeze(-1) * part.unsqueeze(-2) for part in parts) / 24


def high_pass(deviations):
    passed = [4 * squared > 2**2 + 3**2 for squared, _ in energies(deviations)]
    share = sum(passed) / len(passed)
    found = [energy.diagonal(dim1=-2, dim2=-1).sum() for _, energy in energies(deviations)]
    return sum(energy for energy, counts in zip(found, passed, strict=True) if counts) / share


def falling_spectrum(deviations):
    colours = torch.full((3, 3), COLOURS, dtype=torch.float64).fill_diagonal_(1).inverse()
    precisions = [(squared + SLOWEST**2) ** (FALL / 2) for squared, *_ in waves()]
    mean = sum(precisions) / len(precisions) * colours.diagonal().mean()
    found = [(energy * colours).sum() for _, energy in energies(deviations)]
    return sum(precision * energy for precision, energy in zip(precisions, found, strict=True)) / mean


WRITTEN_DOWN = {
    "range": lambda x: out_of_range(x * PIXELS.std + PIXELS.mean),
    "total-variation": lambda x: total_variation(x * PIXELS.std + PIXELS.mean),
    "high-pass": lambda x: high_pass(x * PIXELS.std),
    "spectrum": lambda x: falling_spectrum(x * PIXELS.std),
}


def test_every_prior_is_written_down_here():
    assert WRITTEN_DOWN.keys() == OF_PICTURES.keys() | QUADRATIC.keys()


@SPACES
@pytest.mark.parametrize("name", WRITTEN_DOWN)
def test_a_gradient_equals_autograd(name, space):
    size = SIZE if space.basis is None else len(space.basis)
    coordinates = normal(2, 5, size).requires_grad_()
    penalty = 0.7 * WRITTEN_DOWN[name](space.inputs(coordinates).unflatten(-1, SHAPE))
    expected = torch.autograd.grad(penalty, coordinates)[0]
    assert expected.any()
    gradient = Penalty(name, 0.7, 0.0, 1.0, PIXELS).gradient(space, coordinates, torch.float64)
    torch.testing.assert_close(gradient(coordinates.detach()), expected)


class Constants(TorchDispatchMode):
    """The operations that make a tensor of numbers, which a CUDA graph cannot copy to its device."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        given = any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves((arguments, named or {})))
        if not given or "lift_fresh" in str(function):
            self.made.append(str(function))
        return function(*arguments, **(named or {}))


@SPACES
@pytest.mark.parametrize("name", WRITTEN_DOWN)
def test_an_iteration_makes_no_tensor_of_numbers(name, space):
    coordinates = normal(2, 5, SIZE if space.basis is None else len(space.basis))
    gradient = Penalty(name, 0.7, 0.0, 1.0, PIXELS).gradient(space, coordinates, torch.float64)
    with Constants() as constants:
        coordinates.new_tensor(0.5)
        assert constants.made.pop()
        gradient(coordinates)
    assert constants.made == []


@pytest.mark.parametrize("name", ["high-pass", "spectrum"])
def test_white_noise_costs_its_squared_norm(name):
    noise = normal(2000, SIZE)
    prior = Penalty(name, 1.0, 0.0, 1.0, Pixels(torch.zeros(SHAPE).double(), torch.ones(SHAPE).double()))
    cost = 0.5 * (noise * prior.gradient(INPUTS, noise, torch.float64)(noise)).sum()
    assert cost / noise.square().sum() == pytest.approx(1, abs=0.02)


@SPACES
def test_public_images_give_the_inverse_of_their_own_covariance(space):
    """Of waves and of channels, which for a pile of pictures that are all alike in both is all there is."""
    images = uniform(400, *SHAPE, seed=3).cumsum(-1).cumsum(-2)
    pixels = replace(PIXELS, std=torch.ones(SHAPE).double(), spectrum=Spectrum.measured(images))
    deviations = images - images.mean(0)
    energy = torch.fft.fft2(deviations).abs().square().mean((0, 1))
    precisions = 1 / energy.clamp(min=LEAST * energy.max().item())
    channels = deviations.transpose(0, 1).flatten(1)
    colours = torch.corrcoef(channels).inverse()
    inputs = space.inputs(normal(5, SIZE if space.basis is None else len(space.basis)))
    waves = torch.fft.fft2(inputs.unflatten(-1, SHAPE)) * (precisions / precisions.mean())
    expected = torch.einsum("dc,nchw->ndhw", colours / colours.diagonal().mean(), torch.fft.ifft2(waves).real) * 2
    gradient = Penalty("spectrum", 1.0, 0.0, 1.0, pixels).gradient(space, inputs, torch.float64)
    coordinates = space.coordinates(inputs)
    torch.testing.assert_close(gradient(coordinates), space.coordinates(expected.flatten(1)))


def test_public_images_are_read_for_a_search(tmp_path):
    public = uniform(9, 4, 6, 3, seed=4).numpy()
    np.savez(tmp_path / "public.npz", images=public)
    search = {"prior": "spectrum", "prior_images": str(tmp_path / "public.npz")}
    settings = Restarts(candidates=2, method="published", published=search)
    assert settings.files == [str(tmp_path / "public.npz")]
    prior = choose(random_network(SIZE, [6]), settings, PIXELS).method.prior
    expected = Spectrum.measured(torch.from_numpy(public).permute(0, 3, 1, 2))
    torch.testing.assert_close(prior.pixels.spectrum.variances, expected.variances)
    assert prior.weight == PRIOR_WEIGHTS["spectrum"]


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ({"pictures": np.zeros((3, 4, 6, 3))}, "has no array 'images'"),
        ({"images": np.full((3, 4, 6, 3), np.nan)}, "not all finite"),
        (
            {"images": np.zeros((3, 6, 4, 3))},
            r"shape \(3, 6, 4, 3\), and the model's pictures \(H, W, C\) are \(4, 6, 3\)",
        ),
        ({"images": np.zeros((3, 4, 6))}, "give two or more of the model's shape"),
        ({"images": np.zeros((1, 4, 6, 3))}, "give two or more"),
    ],
)
def test_public_images_that_are_not_like_the_models_are_refused(tmp_path, stored, problem):
    np.savez(tmp_path / "public.npz", **stored)
    with pytest.raises(UserError, match=f"public.npz: .*{problem}"):
        public_spectrum(str(tmp_path / "public.npz"), SHAPE)


def test_images_in_their_range_cost_nothing_and_others_are_drawn_back():
    images = uniform(4, *SHAPE)
    inputs = ((images - PIXELS.mean) / PIXELS.std).flatten(1)
    gradient = Penalty("range", 1.0, 0.0, 1.0, PIXELS).gradient(INPUTS, inputs, torch.float64)
    assert gradient(inputs).abs().max() < 1e-12
    inputs[0, 5] += 10
    assert gradient(inputs).nonzero().tolist() == [[0, 5]]
    assert gradient(inputs)[0, 5] > 0


def test_products_may_be_rough_and_candidates_are_not():
    space, coordinates = Space(orthonormal(9, SIZE).float()), normal(5, 9).float()
    exact, rough = (
        Penalty("range", 1.0, 0.0, 1.0, PIXELS).gradient(space, coordinates, products)(coordinates)
        for products in (torch.float32, torch.bfloat16)
    )
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).norm() < 0.02 * exact.norm()


def test_what_is_no_picture_has_no_prior():
    settings = Restarts(candidates=2, method="published", published={"prior": "range"})
    with pytest.raises(UserError, match="prior: range is of pictures"):
        choose(random_network(5, [6]), settings, Pixels(torch.zeros(5), torch.ones(5)))


def test_memory_is_reckoned_for_pixels_where_coordinates_do_not_suffice():
    searching = replace(method("subspace", random_network(SIZE, [6])), space=Space(orthonormal(9, SIZE)))
    assert searching.pixels == 0
    for name, pixels in (("range", SIZE), ("total-variation", SIZE), ("high-pass", 0), ("spectrum", 0)):
        assert replace(searching, prior=Penalty(name, 1.0, 0.0, 1.0, PIXELS)).pixels == pixels
    assert replace(searching, box_weight=1.0).pixels == SIZE
    assert replace(searching, box_weight=1.0, space=INPUTS).pixels == 0
