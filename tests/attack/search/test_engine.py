"""The search of a shard against autograd and torch.optim, and restarts that share no number."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.attack.search import engine, reference
from reconstruction.attack.search.engine import Search
from reconstruction.attack.search.optimisers import Adam, Momentum
from reconstruction.attack.search.penalties import box_gradient
from reconstruction.attack.search.priors import Penalty, Pixels
from reconstruction.attack.search.restarts import Starts
from reconstruction.attack.search.stationarity import stationarity
from reconstruction.attack.subspace import weight_span
from reconstruction.configuration import Model, Training
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.space import Space
from reconstruction.schedules import constant, cosine
from reconstruction.training.fit import fit
from reconstruction.training.true_stationarity import true_stationarity
from science_helpers import (
    alternating,
    method,
    normal,
    orthonormal,
    properties,
    random_network,
    relative,
    uniform,
)

BOTH = pytest.mark.parametrize("name", ["published", "subspace"])


def column(*values):
    return torch.tensor(values, dtype=torch.float64)


def three_restarts(size=5, count=6):
    return Starts(
        candidates=normal(3, count, size) * column(0.3, 1.5, 0.01)[:, None, None],
        lambdas=uniform(3, count),
        learning_rate=column(0.05, 0.01, 0.002),
        lambda_learning_rate=column(0.01, 0.002, 0.03),
        lambda_min=column(0.5, 0.3, 0.6),
        alpha=column(20, 5, 100),
    )


def run(network, name, restarts, iterations, record_every=1000):
    search = Search(network, method(name, network, iterations, record_every), restarts)
    while not search.is_done:
        search.step()
    return search.outcome()


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Momentum, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)), (Adam, torch.optim.Adam)]
)
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5)])
def test_optimisers_equal_torch(ours, theirs, shape):
    rates, parameter = column(0.5, 0.01, 1e-4), normal(*shape, seed=1)
    singles = [row.clone().requires_grad_() for row in parameter]
    optimisers = [theirs([row], rate) for row, rate in zip(singles, rates.tolist(), strict=True)]
    optimiser = ours(parameter, rates.view(-1, *[1] * (len(shape) - 1)))
    for step in range(20):
        gradient, decay = normal(*shape, seed=step) * 10.0 ** (step % 5 - 3), 1 - step / 40
        optimiser.step(parameter, gradient, torch.tensor(decay, dtype=torch.float64))
        for single, theirs_, part, rate in zip(singles, optimisers, gradient, rates.tolist(), strict=True):
            theirs_.param_groups[0]["lr"] = rate * decay
            single.grad = part.clone()
            theirs_.step()
    torch.testing.assert_close(parameter, torch.stack([row.detach() for row in singles]), rtol=1e-10, atol=1e-12)


def search_by_autograd(network, name, restart, iterations):
    """One restart of a method, by autograd of the whole loss and torch.optim."""
    candidates, lambdas = (part[0].clone().requires_grad_() for part in (restart.candidates, restart.lambdas))
    groups = [
        {"params": [candidates], "lr": restart.learning_rate.item()},
        {"params": [lambdas], "lr": restart.lambda_learning_rate.item()},
    ]
    if name == "published":
        optimiser, schedule, box_weight = torch.optim.SGD(groups, momentum=0.9), None, 1.0
    else:
        optimiser, box_weight = torch.optim.Adam(groups), 0.0
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, iterations)
    labels = torch.tensor([-1.0] * (len(lambdas) // 2) + [1.0] * (len(lambdas) - len(lambdas) // 2)).double()
    for _ in range(iterations):
        optimiser.zero_grad()
        alpha, lambda_min = restart.alpha.item(), restart.lambda_min.item()
        residuals = reference.stationarity_residuals(network, candidates, lambdas, labels, alpha)
        (residuals.sum() + reference.penalties(candidates, lambdas, lambda_min, box_weight)).backward()
        optimiser.step()
        if schedule:
            schedule.step()
    return candidates.detach(), lambdas.detach()


@BOTH
@pytest.mark.parametrize("iterations", [1, 6])
@pytest.mark.parametrize("hidden", [[7], [6, 5]])
def test_a_search_equals_autograd_of_the_whole_loss(name, iterations, hidden):
    network, restarts = random_network(5, hidden), three_restarts()
    assert (restarts.candidates.abs() > 1).any()
    assert (restarts.lambdas < restarts.lambda_min[:, None]).any(1).all()
    outcome = run(network, name, restarts, iterations)
    for number in range(3):
        candidates, lambdas = search_by_autograd(network, name, restarts.only([number]), iterations)
        begun = restarts.only([number])
        assert relative(outcome.candidates[number] - begun.candidates[0], candidates - begun.candidates[0]) < 1e-7
        assert relative(outcome.lambdas[number] - begun.lambdas[0], lambdas - begun.lambdas[0]) < 1e-7


def test_the_pixel_box_serves_in_the_subspace_too():
    basis, weight = orthonormal(3, 5), 0.7
    coordinates = three_restarts(size=3).candidates.clone().requires_grad_()
    penalty = weight * ((coordinates @ basis).abs() - 1).relu().square().sum()
    assert penalty > 0
    found = box_gradient(coordinates.detach(), Space(basis), 1.0, weight)
    torch.testing.assert_close(found, torch.autograd.grad(penalty, coordinates)[0])


@pytest.mark.parametrize("hidden", [[7], [6, 5], [6, 5, 4], [5, 5, 5, 4]])
def test_a_trajectory_equals_the_reference_for_200_iterations(hidden):
    network, restarts = random_network(5, hidden), three_restarts()
    expected = reference.search(network, restarts, 200, 40)
    found = run(network, "published", restarts, 200, record_every=40)
    assert relative(expected.candidates, restarts.candidates) > 0.1
    assert torch.equal(found.iterations, expected.iterations)
    for field in ("candidates", "lambdas", "residuals"):
        assert relative(getattr(found, field), getattr(expected, field)) < 1e-6


@BOTH
def test_batched_restarts_equal_restarts_one_by_one(name):
    network, restarts = random_network(5, [6, 5]), three_restarts()
    together = run(network, name, restarts, 15, record_every=5)
    for number in range(3):
        alone = run(network, name, restarts.only([number]), 15, record_every=5)
        for field in ("candidates", "lambdas", "residuals"):
            assert relative(getattr(together, field)[number], getattr(alone, field)[0]) < 1e-9


@BOTH
@pytest.mark.parametrize("rate", [math.nan, 1e300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_restart_that_diverges_is_flagged_and_harms_no_other(name, rate, dtype):
    network = random_network(5, [6, 5]).to(dtype=dtype)
    sound = three_restarts().to(torch.device("cpu"), dtype)
    spoilt = replace(sound, learning_rate=column(0.05, rate, 0.002).to(dtype))
    expected, outcome = run(network, name, sound, 12, record_every=4), run(network, name, spoilt, 12, record_every=4)
    assert expected.diverged.tolist() == [False, False, False]
    assert outcome.diverged.tolist() == [False, True, False]
    for field in ("candidates", "lambdas", "residuals"):
        assert torch.equal(getattr(outcome, field)[[0, 2]], getattr(expected, field)[[0, 2]])


def test_candidates_that_are_finite_but_whose_residual_is_not_are_flagged():
    restarts = replace(three_restarts(), learning_rate=column(0.05, 1e200, 0.002))
    outcome = run(random_network(5, [6]), "published", restarts, 1)
    assert outcome.candidates.isfinite().all()
    assert outcome.diverged.tolist() == [False, True, False]


def test_lambdas_that_diverge_are_flagged():
    restarts = replace(three_restarts(), lambda_learning_rate=column(0.01, 0.002, math.nan))
    assert run(random_network(5, [6]), "subspace", restarts, 3).diverged.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("iterations", "every", "expected"), [(10, 4, [0, 4, 8, 10]), (9, 3, [0, 3, 6, 9]), (2, 5, [0, 2])]
)
def test_the_trace_holds_the_residuals_of_every_layer(iterations, every, expected):
    network, restarts = random_network(5, [6, 5]), three_restarts()
    search = Search(network, method("subspace", network, iterations, every), restarts)
    seen = [(iteration, search.step()) for iteration in range(iterations + 1)]
    assert search.is_done
    seen, outcome = [row for row in seen if row[1] is not None], search.outcome()
    assert outcome.iterations.tolist() == expected
    assert outcome.residuals.shape == (3, len(expected), 3)
    labels = LOGISTIC.candidate_labels(6).double()
    for place, candidates, lambdas in (
        (0, restarts.candidates, restarts.lambdas),
        (-1, outcome.candidates, outcome.lambdas),
    ):
        residuals = stationarity(network, candidates, lambdas, labels, restarts.alpha).residuals
        torch.testing.assert_close(outcome.residuals[:, place], residuals)
    assert [iteration for iteration, _ in seen] == expected
    torch.testing.assert_close(torch.stack([residuals for _, residuals in seen], 1), outcome.residuals)


def test_the_start_is_left_alone():
    restarts = three_restarts()
    run(random_network(5, [6]), "published", restarts, 3)
    assert all(
        torch.equal(*pair) for pair in zip(vars(restarts).values(), vars(three_restarts()).values(), strict=True)
    )


IMAGES = normal(6, 20) - normal(6, 20).mean(0)


@pytest.fixture(scope="module")
def trained():
    """A network that remembers six images of 20 pixels."""
    settings = Model(hidden=[50, 20], training=Training(target_loss=1e-6, steps=5000, precision="float64"))
    network, curve = fit(settings, IMAGES, alternating(6), torch.device("cpu"))
    assert curve[-1].loss <= 1e-6
    return network


def beginnings(size, rate, lambda_rate):
    return Starts(
        candidates=0.1 * normal(2, 12, size),
        lambdas=uniform(2, 12),
        learning_rate=column(rate, rate),
        lambda_learning_rate=column(lambda_rate, lambda_rate),
        lambda_min=column(0.1, 0.3),
        alpha=column(20, 50),
    )


@pytest.mark.parametrize(("name", "rate", "lambda_rate"), [("subspace", 0.05, 0.01), ("published", 0.02, 0.001)])
def test_a_search_explains_a_trained_network_as_well_as_its_images_do(trained, name, rate, lambda_rate):
    truth = true_stationarity(trained, IMAGES, alternating(6)).residuals.sum()
    if name == "subspace":
        trained = trained.project_inputs(weight_span(trained.weights[0]))
    outcome = run(trained, name, beginnings(trained.input_size, rate, lambda_rate), 600)
    first, last = outcome.residuals[:, 0], outcome.residuals[:, -1]
    assert (first.sum(-1) > 3 * truth).all()
    assert (last.sum(-1) < 1.05 * truth).all()
    assert (last[:, 0] < 0.2 * first[:, 0]).all()


def test_candidates_in_the_subspace_have_the_stationarity_of_the_pixels_that_they_stand_for(trained):
    basis = weight_span(trained.weights[0])
    assert basis.shape == (5, 20)
    outcome = run(trained.project_inputs(basis), "subspace", beginnings(5, 0.05, 0.01), 50)
    labels, alpha = LOGISTIC.candidate_labels(12).double(), column(20, 50)
    full = stationarity(trained, outcome.candidates @ basis, outcome.lambdas, labels, alpha)
    torch.testing.assert_close(outcome.residuals[:, -1], full.residuals, rtol=1e-5, atol=1e-5)
    outside = full.candidates_gradient - full.candidates_gradient @ basis.T @ basis
    assert outside.norm() < 1e-3 * full.candidates_gradient.norm()


@properties
@given(st.integers(2, 60))
def test_half_of_the_candidates_have_each_label(count):
    labels = LOGISTIC.candidate_labels(count)
    assert set(labels.tolist()) == {-1.0, 1.0}
    assert labels.sum().item() == count % 2
    assert torch.equal(labels, labels.sort().values)


@properties
@given(st.integers(2, 1000))
def test_the_cosine_falls_from_one_to_nothing(iterations):
    factors = [cosine(iteration, iterations) for iteration in range(iterations + 1)]
    assert factors[0] == 1
    assert factors[-1] == pytest.approx(0, abs=1e-12)
    assert all(before > after for before, after in pairwise(factors))
    assert factors == pytest.approx([1 - factor for factor in reversed(factors)])
    assert {constant(iteration, iterations) for iteration in range(iterations)} == {1.0}


def test_a_compiled_term_takes_the_place_of_the_plain_one(monkeypatch):
    """With the same trajectory; whether torch compiles it well is tested with machine.compiled."""
    asked = []
    monkeypatch.setattr(engine, "fast_stationarity", lambda *given: asked.append(given) or stationarity(*given))
    network, restarts = random_network(5, [6, 5]), three_restarts()
    search = Search(network, method("subspace", network, 4), restarts, compiles=True)
    while not search.is_done:
        search.step()
    assert len(asked) == 5
    assert torch.equal(search.outcome().candidates, run(network, "subspace", restarts, 4).candidates)


def test_a_prior_counts_in_its_share_of_the_iterations():
    network, restarts = random_network(6, [7]), three_restarts(size=6)
    shape = (1, 2, 3)
    prior = Penalty("range", 0.5, 0.5, 1.0, Pixels(torch.full(shape, 0.5).double(), torch.ones(shape).double()))

    def found(name, prior, iterations, begun=None):
        searching = replace(method(name, network, 6, 1), prior=prior)
        search = Search(network, searching, restarts, begun)
        while search.iteration < iterations:
            search.step()
        return search

    for name in ("published", "subspace"):
        without, with_prior = (found(name, used, 3).candidates for used in (None, prior))
        torch.testing.assert_close(with_prior, without, rtol=0, atol=0)
        halfway = found(name, prior, 3).snapshot()
        without, with_prior = (found(name, used, 4).candidates for used in (None, prior))
        assert (with_prior - without).abs().max() > 1e-6
        torch.testing.assert_close(found(name, prior, 4, halfway).candidates, with_prior, rtol=0, atol=0)
        whole = replace(prior, begins=0.0)
        assert (found(name, whole, 1).candidates - found(name, None, 1).candidates).abs().max() > 1e-6
        ending = replace(whole, ends=0.5)
        halfway = found(name, ending, 3).snapshot()
        torch.testing.assert_close(halfway.tensors["candidates"], found(name, whole, 3).candidates, rtol=0, atol=0)
        expected = found(name, None, 6, halfway).candidates
        torch.testing.assert_close(found(name, ending, 6).candidates, expected, rtol=0, atol=0)
