"""Which score of membership counts, and what is not told by too few images."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reconstruction.evaluation.membership import SCORES, chosen_score, summary, verdict
from reconstruction.evaluation.quantities import QUANTITIES
from reconstruction.models.activations import ACTIVATIONS
from reconstruction.models.mlp import Network
from science_helpers import random_network


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
