"""Which score of membership counts, of an ordinary network, too, and what is not told by too few images."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from reconstruction.evaluation.membership import SCORES, Suspects, chosen_score, score, summary, verdict
from reconstruction.evaluation.quantities import QUANTITIES
from reconstruction.evaluation.separation import FALSE_POSITIVE_RATE, area, true_positive_rate
from reconstruction.models.activations import ACTIVATIONS
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import Network
from reconstruction.training.true_stationarity import true_stationarity
from science_helpers import alternating, random_network, stored
from skimage.data import lfw_subset
from torch import nn

MEMBERS, UNSEEN, NO_FACES = slice(0, 50), slice(50, 100), slice(100, 200)


@pytest.fixture(scope="module")
def ordinary():
    """PyTorch's own initial values and a bias in every layer, by Adam to zero errors on half of the faces; and all."""
    images = lfw_subset().astype(np.float32)[:, None]
    images[:100] = images[np.random.default_rng(0).permutation(100)]
    mean, std = np.full((1, 25, 25), 0.5, np.float32), np.full((1, 1, 1), 0.25, np.float32)
    labels = alternating(200)
    inputs, targets = torch.from_numpy((images[MEMBERS] - mean) / std).flatten(1), labels[MEMBERS].float()
    torch.manual_seed(0)
    layers = [nn.Linear(625, 100), nn.Linear(100, 100), nn.Linear(100, 1)]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    descent, margins = torch.optim.Adam(model.parameters(), 1e-3), torch.zeros(1)
    while margins.min() <= 0:
        margins = targets * model(inputs)[:, 0]
        descent.zero_grad()
        nn.functional.softplus(-margins).mean().backward()
        descent.step()
    weights, biases = ([getattr(layer, part).detach() for layer in layers] for part in ("weight", "bias"))
    suspects = Suspects(images, labels.numpy(), None, np.arange(200), ())
    return Deployed(Network.of(weights, biases), mean, stored(), std), suspects


def at_rest():
    """A network whose layers have one squared norm, and whose first layer has a rank."""
    network = random_network(20, [12])
    first = network.weights[0].clone()
    first[4:] = first[:4].repeat(2, 1)
    layers = [first, network.weights[1]]
    return Network(tuple(layer / layer.norm() for layer in layers), None)


def test_the_weights_alone_choose_the_score():
    assert chosen_score(at_rest()) == "closure"
    assert chosen_score(replace(at_rest(), activation=ACTIVATIONS["tanh"])) == "lambda"
    assert chosen_score(random_network(20, [12])) == "lambda"


def test_lambda_tells_members_of_an_ordinary_network_and_best_where_layers_count_evenly(ordinary):
    model, suspects = ordinary
    assert chosen_score(model.network) == "lambda"
    even = score(model, suspects)["lambda"].to_numpy()
    plain = true_stationarity(model.network, model.inputs(suspects.images), torch.from_numpy(suspects.labels)).lambdas
    told, told_plainly = (true_positive_rate(found[MEMBERS], found[UNSEEN], 0.01).value for found in (even, plain))
    assert told > 0.7
    assert told > told_plainly + 0.2


def test_away_from_rest_closure_tells_what_images_show(ordinary):
    """Faces that the network has never seen, from photographs that show none: no membership, and lambda tells none."""
    table = score(*ordinary)
    seen, by_lambda = (table[name].to_numpy() for name in ("closure", "lambda"))
    assert area(seen[UNSEEN], seen[NO_FACES]).low > 0.7
    assert area(seen[MEMBERS], seen[UNSEEN]).value < 0.6
    assert area(by_lambda[UNSEEN], by_lambda[NO_FACES]).low < 0.5


@pytest.mark.parametrize("name", SCORES)
def test_images_called_members_at_random_are_told_no_more_often_than_the_rate_says(name, ordinary):
    """Of photographs that none was trained on; of k others the rate is (floor(rate k) + 1) / (k + 1)."""
    found = score(*ordinary)[name].to_numpy()[50:]
    random, rates = np.random.default_rng(0), []
    for _ in range(400):
        order = random.permutation(found)
        rates.append(true_positive_rate(order[:50], order[50:], FALSE_POSITIVE_RATE).value)
    error = np.std(rates) / math.sqrt(len(rates))
    assert np.mean(rates) < 2 / 101 + 3 * error
    assert max(rates) > 0


def scored(members, others):
    random, count = np.random.default_rng(0), members + others
    return pd.DataFrame({"member": np.arange(count) < members, **{name: random.uniform(size=count) for name in SCORES}})


@pytest.mark.parametrize(("others", "known"), [(999, False), (1000, True)])
def test_one_in_a_thousand_needs_a_thousand(others, known):
    found = summary(scored(50, others))
    assert {math.isnan(found[f"{name}_tpr_strict"].value) for name in SCORES} == {not known}
    assert set(found) <= set(QUANTITIES)


def test_the_verdict_is_the_chosen_scores():
    found = summary(scored(50, 200))
    told = verdict(at_rest(), found)
    assert told["membership_by"] == "closure"
    estimate = found["closure_tpr"]
    assert [told[f"membership_tpr{end}"] for end in ("", "_low", "_high")] == [
        estimate.value, estimate.low, estimate.high,
    ]  # fmt: skip
