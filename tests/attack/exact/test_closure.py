"""Membership in closed form: planted images close the equations, others do not; the share is that of least squares."""

import numpy as np
import pytest
import torch
from exact_helpers import planted
from reconstruction.attack.exact.closure import KINK, closure
from reconstruction.models.mlp import activations, sensitivities
from science_helpers import normal, random_network
from sklearn.metrics import roc_auc_score

COUNT = 12


def test_planted_images_close_the_equations_and_others_do_not():
    problem, ones = planted(COUNT, seed=1), torch.ones(COUNT).double()
    basis = torch.linalg.svd(problem.network.weights[0], full_matrices=False).Vh[: COUNT - 1]
    others = normal(COUNT, COUNT - 1, seed=5) @ basis
    members = closure(problem.network, problem.images, ones).numpy()
    scores = np.r_[members, closure(problem.network, others, ones).numpy()]
    assert roc_auc_score(np.arange(2 * COUNT) < COUNT, scores) > 0.75


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "leaky-relu 0.2", "tanh"])
def test_closure_is_the_share_that_least_squares_explain(activation):
    network, inputs = random_network(4, [30, 6], activation=activation), normal(5, 4)
    inputs[0] = -network.bias[0] * network.weights[0][0] / network.weights[0][0].square().sum()  # on a kink, if any
    labels = torch.tensor([1.0, -1, 1, 1, -1]).double()
    found = closure(network, inputs, labels)
    table = torch.cat([network.weights[0], network.bias[:, None]], 1)
    column = sensitivities(network, activations(network, inputs), labels)[0]
    for image in range(5):
        z = torch.cat([inputs[image], torch.ones(1).double()])
        kept = (table @ z).abs() > KINK * table.norm(dim=1) * z.norm()
        assert kept[0] == bool(image)
        kept |= torch.tensor(activation == "tanh")
        rows, right = table[kept].numpy(), column[image][kept].numpy()
        left = right - rows @ np.linalg.lstsq(rows, right, rcond=None)[0]
        assert found[image].item() == pytest.approx(1 - left @ left / (right @ right), abs=1e-3)
