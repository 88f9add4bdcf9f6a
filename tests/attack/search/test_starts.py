"""Restarts come from the sweep's seed and their own number alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.search.starts import NAMES, begin, draw, initial_values
from reconstruction.attack.subspace import spectral_scales, weight_span
from reconstruction.configuration import LogUniform, PublishedSearch, Restarts, SubspaceSearch, Uniform
from reconstruction.models.space import INPUTS, Space
from science_helpers import properties

SEEDS, NUMBERS = st.integers(0, 2**32 - 1), st.integers(0, 5000)
EVERY = PublishedSearch(
    learning_rate=LogUniform(log_uniform=(1e-5, 1)),
    lambda_learning_rate=LogUniform(log_uniform=(1e-6, 1e-2)),
    initial_scale=LogUniform(log_uniform=(1e-6, 0.1)),
    lambda_min=Uniform(uniform=(0.01, 0.5)),
    alpha=Uniform(uniform=(10, 500)),
)


@properties
@given(SEEDS, NUMBERS)
def test_every_draw_lies_within_its_range(seed, number):
    drawn = draw(EVERY, seed, number)
    assert tuple(drawn) == NAMES
    for name, value in drawn.items():
        range_ = getattr(EVERY, name)
        low, high = range_.uniform if isinstance(range_, Uniform) else range_.log_uniform
        assert low * (1 - 1e-12) <= value <= high * (1 + 1e-12)


@properties
@given(SEEDS, NUMBERS)
def test_a_draw_repeats_itself(seed, number):
    assert draw(EVERY, seed, number) == draw(EVERY, seed, number)
    assert draw(EVERY, seed, number) != draw(EVERY, seed, number + 1)
    assert draw(EVERY, seed, number) != draw(EVERY, (seed + 1) % 2**32, number)


@properties
@given(SEEDS, NUMBERS, st.sampled_from(NAMES))
def test_fixing_one_hyperparameter_moves_no_other(seed, number, name):
    fixed = draw(EVERY.model_copy(update={name: 0.25}), seed, number)
    assert fixed == {**draw(EVERY, seed, number), name: 0.25}


@properties
@given(SEEDS, st.sampled_from(NAMES))
def test_64_restarts_fall_one_into_each_64th_of_a_range(seed, name):
    for search, place in (
        (EVERY.model_copy(update={name: Uniform(uniform=(0, 1))}), lambda value: value),
        (EVERY.model_copy(update={name: LogUniform(log_uniform=(1, math.e))}), math.log),
    ):
        points = sorted(place(draw(search, seed, number)[name]) for number in range(64))
        assert all(k / 64 - 1e-9 <= point <= (k + 1) / 64 + 1e-9 for k, point in enumerate(points))


def test_methods_share_their_axes():
    ranges = {name: getattr(EVERY, name) for name in NAMES}
    assert draw(SubspaceSearch(**ranges), 5, 2) == draw(PublishedSearch(**ranges), 5, 2)


@properties
@given(SEEDS, NUMBERS, st.floats(1e-6, 10), st.floats(1e-3, 100), st.booleans())
def test_initial_values_scale(seed, number, scale, largest, signed):
    x, lambdas = initial_values(seed, number, 6, 5, scale, largest, signed)
    unit, within_one = initial_values(seed, number, 6, 5, 1.0, signed=signed)
    assert x.shape == (6, 5)
    assert x.dtype == torch.float64
    assert torch.equal(x, unit * scale)
    assert torch.equal(lambdas, within_one * largest)
    assert within_one.abs().max() <= 1
    assert signed or (within_one >= 0).all()


def test_initial_values_have_the_published_distributions():
    x, lambdas = initial_values(0, 0, 400, 300, 0.5)
    assert x.mean().item() == pytest.approx(0, abs=0.01)
    assert x.std().item() == pytest.approx(0.5, rel=0.02)
    assert ((x / 0.5) ** 4).mean().item() == pytest.approx(3, rel=0.05)
    assert 0 <= lambdas.min() < 0.02
    assert 0.98 < lambdas.max() <= 1
    assert lambdas.mean().item() == pytest.approx(0.5, abs=0.06)


def test_restarts_and_sweeps_begin_at_different_values():
    starts = [initial_values(seed, number, 3, 4, 1.0) for seed in range(5) for number in range(5)]
    assert len({x[0, 0].item() for x, _ in starts}) == len(starts)
    assert len({lambdas[0].item() for _, lambdas in starts}) == len(starts)


SCALES = torch.tensor([2.0, 1.0, 0.5, 0.1], dtype=torch.float64)


def test_adding_restarts_changes_none_that_exist():
    settings = Restarts(candidates=6, seed=9)

    def shard(numbers):
        return vars(
            begin(
                4, Space(scales=SCALES), settings, numbers, [draw(EVERY, settings.seed, number) for number in numbers]
            )
        )

    two, four, second = shard(range(2)), shard(range(4)), shard(range(2, 4))
    for name, values in four.items():
        assert torch.equal(values[:2], two[name])
        assert torch.equal(values[2:], second[name])
        assert len(values.flatten(1).unique(dim=0) if values.dim() > 1 else values.unique()) == 4


def test_initial_values_and_steps_follow_the_scales():
    settings, numbers = Restarts(candidates=2000, seed=9), range(3)
    drawn = [draw(EVERY, settings.seed, number) for number in numbers]
    found, plain = begin(4, Space(scales=SCALES), settings, numbers, drawn), begin(4, INPUTS, settings, numbers, drawn)
    torch.testing.assert_close(found.candidates, plain.candidates * SCALES)
    torch.testing.assert_close(found.learning_rate, plain.learning_rate * SCALES)
    assert torch.equal(found.lambdas, plain.lambdas)


def test_spectral_scales_are_a_power_of_the_singular_values():
    first_layer = torch.randn(30, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = weight_span(first_layer, 6)
    singular_values = torch.linalg.svdvals(first_layer)[:6]
    scales = spectral_scales(first_layer, basis, 0.5)
    torch.testing.assert_close(scales / scales[0], (singular_values / singular_values[0]).sqrt())
    torch.testing.assert_close(scales.square().mean().item(), 1.0)
    torch.testing.assert_close(spectral_scales(first_layer, basis, 0.0), torch.ones(6).double())
