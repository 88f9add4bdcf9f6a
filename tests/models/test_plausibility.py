"""What weights alone tell: units' norms of a trained network, and the look of its first layer."""

import math

import pytest
import torch
from checkpoint_helpers import mlp, smooth_images, trained
from reconstruction.models.folding import channels_first, channels_last
from reconstruction.models.mlp import Network
from reconstruction.models.plausibility import balance, dead_layer, has_smooth_inputs, roughness
from science_helpers import alternating, normal, random_network


def network(net):
    return Network(tuple(layer.weight.detach() for layer in net if hasattr(layer, "weight")), net[0].bias.detach())


def test_a_trained_network_is_balanced_in_its_own_order_alone():
    inputs = normal(8, 20)
    net = network(trained(mlp(20, 16, 16, 16, 1), inputs, alternating(8), steps=300))
    first, second, third, last = net.weights
    assert balance(net) > 0.8
    assert balance(Network((first, third, second, last), net.bias)) < 0.5


def test_a_network_that_training_hardly_moved_is_not_balanced():
    net = network(trained(mlp(20, 64, 64, 1), normal(8, 20), alternating(8), spread=0))
    assert balance(net) < 0.5


def test_few_units_tell_nothing_and_equal_ones_are_no_evidence():
    assert math.isnan(balance(Network((torch.ones(3, 4), torch.ones(1, 3)), None)))
    assert balance(Network((torch.ones(9, 4), torch.ones(1, 9)), None)) == 0


@pytest.mark.parametrize("activation", ["gelu", "tanh", "silu"])
def test_nothing_is_balanced_where_nothing_is_conserved(activation):
    assert math.isnan(balance(random_network(20, [64, 64], activation=activation)))
    assert not math.isnan(balance(random_network(20, [64, 64], activation="leaky-relu")))


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("scale", [0, 1e-30])
def test_a_layer_of_nothing_is_found(layer, scale):
    net = random_network(20, [9, 8])
    weights = [weight * (scale if place == layer else 1) for place, weight in enumerate(net.weights, start=1)]
    assert dead_layer(net) is None
    assert dead_layer(Network(tuple(weights), net.bias)) == layer


def test_layers_that_do_not_meet_are_found():
    first, second = torch.eye(4)[:, :4].clone(), torch.ones(1, 4)
    first[:2], second[:, 2:] = 0, 0
    assert dead_layer(Network((first, second), None)) == 2


@pytest.mark.parametrize("shape", [(3, 12, 10), (3, 9, 9)])
def test_the_order_of_the_inputs_shows_in_smooth_weights(shape):
    weight = torch.from_numpy(smooth_images(20, shape)).flatten(1).double()
    weight = weight - weight.mean(0)
    assert has_smooth_inputs(weight, shape)
    assert not has_smooth_inputs(channels_last(weight, shape), shape)
    assert not has_smooth_inputs(channels_first(weight, shape), shape)


def test_noise_and_grey_images_have_no_order_to_show():
    assert has_smooth_inputs(normal(20, 300), (3, 10, 10))
    assert has_smooth_inputs(normal(20, 100), (1, 10, 10))
    assert roughness(normal(50, 1, 20, 20)) == pytest.approx(1, abs=0.05)
