"""The exact attack: planted gates are found and their images come back; where there are none, it says so."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from exact_helpers import planted
from exact_problem import attack
from hypothesis import assume, given
from hypothesis import strategies as st
from reconstruction.attack.exact import acceptance, deflation
from reconstruction.attack.exact.condition import condition
from reconstruction.attack.exact.confirmation import confirmed, discrepancy
from reconstruction.attack.exact.confirmation import labels as labels_of
from reconstruction.attack.exact.equations import NotRead, equations, parallel
from reconstruction.attack.exact.prior import from_weights
from reconstruction.attack.exact.search import GateSearch, Solutions, begin, search
from reconstruction.attack.exact.sensitivity import fitted, random_factors, responding, sensitivity
from reconstruction.attack.exact.solve import Images, Weights, solve
from reconstruction.attack.plan import NoGates, gates, plan_of
from reconstruction.configuration import ExactSearch, Restarts
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.models.activations import ACTIVATIONS, LeakyReLU
from reconstruction.models.mlp import Network, activations, before_activation, outputs
from science_helpers import generator, normal, orthonormal, properties, random_network, relative, uniform

COUNT = 12
SHARP = Weights(sigma=1e-4, kinks=(1e-2,) * 8)


@functools.cache
def problem():
    return planted(COUNT, seed=1)


@functools.cache
def found():
    return attack(problem().network, None, 400, 0, plan_of(ExactSearch(deflations=2)), rank=COUNT - 1)


def true_columns(system):
    """Unit columns (m, n), in the rows of the equations."""
    planted_z = problem().images @ system.basis.T
    z = torch.cat([planted_z, torch.ones(COUNT, 1).double()], 1)
    columns = system.weighted @ torch.linalg.pinv(z)
    return columns / columns.norm(dim=0)


def test_planted_columns_are_found():
    system = found().equations
    cosine = (acceptance.columns(system, found().solutions) @ true_columns(system)).abs()
    assert (cosine.amax(0) > 0.999).sum() >= COUNT - 3


def test_planted_images_come_back():
    scores = nearest_by_ncc(problem().images.float(), found().images.float()).score
    others = nearest_by_ncc(0.3 * normal(COUNT, 40, seed=5).float(), found().images.float()).score
    assert (scores > 0.95).sum() >= 8
    assert others.max() < 0.8


def exact_images(trusted):
    """Images of the planted gates, by the columns that are trusted, and their scores."""
    system = equations(problem().network, COUNT - 1)
    unit = units_of(system, problem().network)
    z = torch.zeros(COUNT, COUNT).double()
    exact = Solutions(z, z, problem().gates[:, unit], problem().factors, torch.zeros(COUNT).double())
    images = solve(system, exact, trusted, from_weights(system), SHARP)
    return images, nearest_by_ncc(problem().images.float(), (images.z[:, :-1] @ system.basis).float()).score


def test_exact_gates_give_exact_images():
    images, scores = exact_images(torch.arange(COUNT))
    assert scores.min() > 0.999
    assert images.consistency.max() < 1e-4
    assert images.apart.min() > 0


def test_what_is_missing_does_not_spoil_the_rest():
    known = torch.arange(COUNT - 3)
    _, scores = exact_images(known)
    assert np.median(scores[known]) > 0.99


def test_the_same_seed_finds_the_same():
    again = attack(problem().network, None, 400, 0, plan_of(ExactSearch(deflations=2)), rank=COUNT - 1)
    assert torch.equal(again.images, found().images)


def test_float32_searches_as_float64_does():
    """Step by step both stay together, until rounding has grown."""
    system = equations(problem().network, COUNT - 1)
    prior = from_weights(system)
    drawn, factors = prior.draw(20, generator(0)), random_factors(system.to(torch.float32), 20, generator(1))
    settings = GateSearch(iterations=20, ridge=1e-4)
    single = search(system, begin(system.to(torch.float32), drawn, factors), prior.precision, settings)
    double = search(system, begin(system, drawn.double(), factors.double()), prior.precision, settings)
    assert ((single.gap.double() - double.gap).abs() < 1e-2 * double.gap + 1e-5).sum() >= 18


def test_starts_come_from_the_seed_alone():
    prior = from_weights(equations(problem().network, COUNT - 1))
    assert torch.equal(prior.draw(5, generator(3)), prior.draw(5, generator(3)))


def test_the_equations_know_what_the_network_is():
    """rows @ z has the sign of the first layer's outputs, and u is its gradient, for any image."""
    network = random_network(6, [9, 4])
    network = Network((*network.weights[:2], network.weights[2]), network.bias)
    system = equations(network, 6)
    images = normal(5, 6)
    first = images @ network.weights[0].T + network.bias
    z = torch.cat([images @ system.basis.T, torch.ones(5, 1).double()], 1)
    assert torch.equal(z @ system.rows.T > 0, first > 0)
    active = (first.relu() @ network.weights[1].T > 0).double()
    assert system.above.weights[0].shape == system.responses.shape == (4, 9)
    respond = responding(system, z)
    assert torch.equal(active.sum(1), respond.sum(1))
    assert (
        relative(outputs(system.above, system.layers_above(3 * z)), outputs(network, activations(network, images)))
        < 1e-12
    )
    whole = active * network.weights[2][0] @ network.weights[1]
    pieces = respond @ system.responses
    pieces = pieces * system.scales
    assert relative(pieces / pieces.norm(), whole / whole.norm()) < 1e-12


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 0.9, 1.1), (1e-4, 0.05, 0.2)])
def test_weak_units_weigh_less_where_there_is_noise(noise, least, most):
    """A unit of a hundredth of the median's size weighs a tenth of it, in T z, in T v and in u alike."""
    network = random_network(6, [40, 4])
    first, bias = network.weights[0] @ orthonormal(6, 30), network.bias.clone()
    first[0], bias[0] = 0.01 * first[0], 0.01 * bias[0]
    first = first + noise * first.std() * normal(*first.shape, seed=7)
    system = equations(Network((first, *network.weights[1:]), bias), 6)
    weights = system.rows.norm(dim=1)
    assert least < weights[0] / weights.median() < most
    sizes = torch.cat([first @ system.basis.T, bias[:, None]], 1).norm(dim=1)
    assert relative((system.weighted * system.scales[:, None]).norm(dim=1), sizes) < 1e-12


def test_parallel_rows_are_one():
    rows = torch.nn.functional.normalize(normal(4, 6), dim=1)
    assert parallel(rows[[0, 1, 0, 2, 1, 3]]).tolist() == [0, 1, 0, 2, 1, 3]


@properties
@given(seed=st.integers(0, 1000))
def test_factors_are_fitted(seed):
    system = equations(problem().network, COUNT - 1)
    factors = torch.nn.functional.normalize(0.1 + uniform(3, 2, seed=seed), dim=1)
    gates = uniform(3, len(system.rows), seed=seed + 1).round()
    y = 2.5 * sensitivity(system, factors) * gates
    assert relative(fitted(system, y, gates), factors) < 1e-2


def test_null_space_is_orthogonal_to_what_is_found():
    v = normal(4, 7)
    some = Solutions(v, v, v, v, torch.zeros(4).double())
    basis = deflation.null_space(some, 7)
    assert basis.shape == (3, 7)
    assert (basis @ v.T).abs().max() < 1e-12
    assert torch.allclose(basis @ basis.T, torch.eye(3).double())


def test_equal_layers_are_at_rest_under_weight_decay():
    verdict = condition(problem().network, COUNT - 1)
    assert verdict.applies
    assert "rank 11" in str(verdict)


def test_unequal_layers_are_refused():
    network = problem().network
    flow = Network((network.weights[0], 3 * network.weights[1], network.weights[2]), network.bias)
    assert not condition(flow, COUNT - 1).applies
    with pytest.raises(NoGates, match="squared norms differ by 89%"):
        gates(flow, Restarts(candidates=2), torch.ones(40))


def test_smooth_activations_are_refused():
    smooth = replace(problem().network, activation=ACTIVATIONS["gelu"])
    with pytest.raises(NoGates, match="under a smooth activation"):
        gates(smooth, Restarts(candidates=2), torch.ones(40))
    with pytest.raises(NotRead, match="GELU has none"):
        equations(smooth, COUNT - 1)


def test_few_directions_are_refused_or_warned_of():
    """Of 80 directions for 24 unknowns, 29 are left: enough for each unknown, and too few to tell right from wrong."""
    first, second, last = problem().network.weights
    first, second, bias = first[:29], second[:, :29], problem().network.bias[:29]
    size = (first.square().sum() + bias.square().sum()).sqrt()
    few = Network((first / size, second / second.norm(), last), bias / size)
    asked = {"candidates": 2, "exact": ExactSearch(rank=COUNT - 1)}
    assert not gates(problem().network, Restarts(method="exact", **asked), torch.ones(40), trial=False).note
    warned = gates(few, Restarts(method="exact", **asked), torch.ones(40), trial=False)
    assert "29 directions, too few for the 24 unknowns" in warned.note
    with pytest.raises(NoGates, match="29 directions, too few"):
        gates(few, Restarts(method="auto", **asked), torch.ones(40), trial=False)


def test_several_outputs_are_warned_of():
    classes, exact = planted(COUNT, outputs=3).network, ExactSearch(rank=COUNT - 1)
    warned = gates(classes, Restarts(candidates=2, method="exact", exact=exact), torch.ones(40), trial=False)
    assert "several outputs" in warned.note
    with pytest.raises(NoGates, match="not tried: the network has several outputs"):
        gates(classes, Restarts(candidates=2, exact=exact), torch.ones(40), trial=False)


def test_accepted_patterns_never_outnumber_the_columns():
    system = equations(problem().network, COUNT - 1)
    many = 3 * COUNT
    gate = uniform(many, len(system.rows), seed=2).round()
    z = torch.zeros(many, COUNT).double()
    random = Solutions(z, z, gate, torch.ones(many, 2).double(), uniform(many, seed=3))
    kept = acceptance.independent(system, random, random.gap.argsort(), 0.03)
    assert kept.tolist() == random.gap.argsort()[:COUNT].tolist()


def test_deeper_networks_of_few_directions_are_read():
    """With a layer on top that mixes both directions, each has a factor of its own, of either sign."""
    first, second, last = problem().network.weights
    mixing = torch.tensor([[1.0, 0.5], [-0.5, 1.0]]).double()
    deeper = Network((first, second, mixing, last), problem().network.bias)
    system = equations(deeper, COUNT - 1)
    assert system.signed
    factors = torch.nn.functional.normalize(normal(3, 2), dim=1)
    on = uniform(3, len(system.rows)).round()
    assert relative(fitted(system, 2.5 * sensitivity(system, factors) * on, on), factors) < 1e-2
    solutions = attack(deeper, None, 400, 0, plan_of(ExactSearch(deflations=0)), COUNT - 1).solutions
    cosine = (acceptance.columns(system, solutions) @ true_columns(system)).abs()
    assert (cosine.amax(0) > 0.999).sum() >= COUNT - 4


def test_what_is_not_built_is_refused():
    first, second, third, last = random_network(6, [30, 20, 9]).weights
    with pytest.raises(NotRead, match=r"layer 2 has rank 20, .* reads 16 at most"):
        equations(Network((first, second, third, last), None), 6)
    with pytest.raises(NotRead, match="no hidden layer"):
        equations(Network((last,), None), 6)


FAMILIES = {  # and how many images at least are read
    "biases": ({"later_biases": True}, COUNT - 3),
    "classes": ({"outputs": 3}, COUNT - 3),
    "leaky": ({"activation": ACTIVATIONS["leaky-relu"]}, COUNT - 3),
    "leaky 0.2": ({"activation": LeakyReLU(0.2)}, COUNT // 2),  # units that are off tell nearly as much as those on
}


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_are_read(family):
    """Without deflation; nothing comes out where the first layer's rows have another order than u."""
    changes, least = FAMILIES[family]
    other = planted(COUNT, **changes)
    assert condition(other.network, COUNT - 1).applies
    found = attack(other.network, None, 400, 0, plan_of(ExactSearch(deflations=0)), COUNT - 1)
    on = other.gates[:, units_of(found.equations, other.network)] > 0.5
    right = ((found.solutions.gates > 0.5)[:, None] == on).double().mean(2)
    scores = nearest_by_ncc(other.images.float(), found.images.float()).score
    assert (right.amax(0) > 0.98).sum() >= least
    assert (scores > 0.95).sum() >= least - 1
    first, order = other.network.weights[0], torch.randperm(80, generator=generator(0))
    disordered = replace(other.network.with_first_layer(first[order]), bias=other.network.bias[order])
    assert not len(attack(disordered, None, 400, 0, plan_of(ExactSearch(deflations=0)), COUNT - 1).images)


def units_of(system, network):
    """The unit (m,) of each direction."""
    first = network.weights[0]
    units = torch.cat([first @ system.basis.T, network.bias[:, None]], 1)
    return (system.rows @ (units / units.norm(dim=1, keepdim=True)).T).argmax(1)


def test_rotated_weights_give_nothing():
    """The first layer's left singular vectors at random: no column space holds a column u o s."""
    network = problem().network
    table = torch.cat([network.weights[0], network.bias[:, None]], 1)
    _, values, right = torch.linalg.svd(table, full_matrices=False)
    left = torch.linalg.qr(normal(len(table), len(values), seed=1)).Q
    table = left * values @ right
    rotated = Network((table[:, :-1], *network.weights[1:]), table[:, -1])
    assert len(attack(rotated, None, 400, 0, plan_of(ExactSearch()), rank=COUNT - 1).images) <= 1


@properties
@given(
    seed=st.integers(0, 1000),
    biases=st.sampled_from([(False, False), (True, False), (True, True)]),
    outputs_=st.sampled_from([1, 3]),
    activation=st.sampled_from(["relu", "leaky-relu", "leaky-relu 0.2"]),
)
def test_lambda_is_what_the_loss_asks_for(seed, biases, outputs_, activation):
    """Images with lambda = 3 sigmoid(-q) are off by nothing, and one whose lambda is e^2 times as large by 2; of
    several classes u and lambda may both have the other sign."""
    first, later = biases
    network = random_network(6, [9, 4], seed, later, outputs_, activation)
    network = network if first else replace(network, bias=None)
    system, inputs = equations(network, 6), normal(7, 6, seed=seed)
    layers = activations(network, inputs)
    phi = outputs(network, layers)
    labels = phi.argmax(1).double() if outputs_ > 1 else phi.squeeze(1).sign()
    log_odds = network.family.log_odds(phi, labels)
    assume((log_odds > 0).any() and (phi != 0).all())
    if outputs_ > 1:
        hidden = layers[1].clone().requires_grad_()
        above = Network.of(network.weights[1:], network.biases[1:], network.activation)
        odds = network.family.log_odds(outputs(above, activations(above, hidden)), labels)
        (u,) = torch.autograd.grad(odds.sum(), hidden)
        signs = torch.where(uniform(7, seed=seed) < 0.5, -1.0, 1.0).double()
        factors = signs[:, None] * u @ torch.linalg.svd(network.weights[1], full_matrices=False).Vh.T
    else:
        signs = labels
        factors = network.activation.derivative(before_activation(network, layers[1], 2))[:, strongest(network)]
        assume((factors.amax(1) == 1).all())
    typical = (factors @ system.responses).abs().median(dim=1).values
    assume((typical > 1e-6).all())
    lambdas = 3 * torch.sigmoid(-log_odds) * typical * signs
    lambdas[2] *= torch.e**2
    z = inputs @ system.basis.T
    z = torch.cat([z, torch.ones(7, 1).double()], 1) if first else z
    solved = Images(z, lambdas, z[:, 0], z[:, 0])
    found = discrepancy(system, Solutions(z, z, z, factors, z[:, 0]), solved)
    expected = torch.zeros(7).double()
    expected[2] = 2
    assert (found - expected).abs().max() < 1e-9
    assert confirmed(found)[0] == 6
    assert torch.equal(labels_of(system, solved), labels)


def strongest(network):
    """Units of layer 2, the strongest first, their bias counted with them."""
    bias = network.biases[1]
    table = network.weights[1] if bias is None else torch.cat([network.weights[1], bias[:, None]], 1)
    return torch.argsort(table.norm(dim=1) * network.weights[2][0].abs(), descending=True)


def test_images_of_planted_gates_are_chosen():
    assert len(found().images) <= COUNT
    assert found().solved.consistency.max() < 0.3
