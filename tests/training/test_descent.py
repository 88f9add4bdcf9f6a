"""Gradient descent against autograd, its schedules, and training in the span of the data."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import ConstantSchedule, LogLossSchedule, Model, Training
from reconstruction.errors import UserError
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.mlp import Network, activations, initialise
from reconstruction.training.descent import RECORD_EVERY, TrainingDiverged, descend, log_loss_gradient, step
from reconstruction.training.fit import data_span, fit
from science_helpers import (
    EVERY_ACTIVATION,
    alternating,
    classes,
    cross_entropy,
    generator,
    leaves,
    normal,
    phi,
    properties,
    random_network,
    relative,
)
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

HIDDEN = st.lists(st.integers(2, 8), min_size=1, max_size=3)
CPU = torch.device("cpu")


def training(schedule, **changes):
    return Training(schedule=schedule, **{"target_loss": 0.0, "steps": 1, "precision": "float64", **changes})


def train(network, inputs, labels, settings):
    return descend(network, inputs, labels, settings, lambda record: None)


def untrained():
    return random_network(12, [20, 15]), normal(10, 12), alternating(10)


def confident():
    """A problem, and a network whose loss on it is 0.01."""
    network, inputs, labels = untrained()
    network, curve = train(network, inputs, labels, training(LogLossSchedule(), target_loss=0.01, steps=5000))
    assert curve[-1].loss <= 0.01
    return network, inputs, labels


def autograd_gradients(network, inputs, labels, of=lambda loss: loss):
    followed = leaves(network)
    return torch.autograd.grad(of(cross_entropy(followed, inputs, labels)), followed.parameters)


def assert_step(stepped, network, gradients, rate):
    for after, before, gradient in zip(stepped.parameters, network.parameters, gradients, strict=True):
        assert relative(after - before, -rate * gradient) < 1e-9


@properties
@given(HIDDEN, st.integers(0, 99))
def test_a_constant_step_is_autograds_gradient_step(hidden, seed):
    network, inputs, labels = random_network(5, hidden, seed), normal(9, 5, seed=seed), alternating(9)
    stepped, _ = train(network, inputs, labels, training(ConstantSchedule(kind="constant", learning_rate=0.3)))
    assert_step(stepped, network, autograd_gradients(network, inputs, labels), 0.3)


@properties
@given(HIDDEN, st.integers(0, 99))
def test_an_early_log_loss_step_is_a_plain_step_at_rate_005(hidden, seed):
    network, inputs, labels = random_network(5, hidden, seed), normal(9, 5, seed=seed), alternating(9)
    stepped, curve = train(network, inputs, labels, training(LogLossSchedule(step=1e6)))
    assert curve[0].loss > 0.05
    assert_step(stepped, network, autograd_gradients(network, inputs, labels), 0.05)


@pytest.mark.parametrize("problem", [untrained, confident])
def test_a_log_loss_step_divides_by_the_squared_norm_of_autograds_gradient(problem):
    network, inputs, labels = problem()
    stepped, _ = train(network, inputs, labels, training(LogLossSchedule(step=1e-4)))
    gradients = autograd_gradients(network, inputs, labels, torch.log)
    assert_step(stepped, network, gradients, 1e-4 / sum(gradient.square().sum() for gradient in gradients))


@properties
@given(HIDDEN, st.integers(0, 99), st.booleans(), st.sampled_from([1, 3]), st.sampled_from(list(EVERY_ACTIVATION)))
def test_the_gradient_of_the_log_loss_equals_autograd(hidden, seed, later_biases, outputs, activation):
    network = random_network(5, hidden, seed, later_biases, outputs, activation)
    inputs, labels = normal(9, 5, seed=seed), classes(9, outputs)
    loss = cross_entropy(network, inputs, labels).item()
    found = log_loss_gradient(network, activations(network, inputs), labels, loss)
    for gradient, expected in zip(found, autograd_gradients(network, inputs, labels, torch.log), strict=True):
        assert relative(gradient, expected) < 1e-9


@properties
@given(st.lists(st.floats(0, 600), min_size=1, max_size=20))
def test_the_loss_of_single_precision_margins_is_right_however_small(margins):
    drawn = torch.tensor(margins, dtype=torch.float32)
    expected = math.fsum(math.log1p(math.exp(-margin)) for margin in drawn.tolist()) / len(margins)
    assert LOGISTIC.mean_loss(drawn).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_survives_losses_that_single_precision_cannot_hold():
    network, inputs, labels = confident()
    network = Network(tuple(4 * weight for weight in network.weights), 4 * network.bias)
    margins = labels * phi(network, inputs)
    loss = LOGISTIC.mean_loss(margins).item()
    assert 0 < loss < 1e-60
    single = network.to(dtype=torch.float32)
    found = log_loss_gradient(single, activations(single, inputs.float()), labels.float(), loss)
    expected = log_loss_gradient(network, activations(network, inputs), labels, loss)
    for gradient, wanted in zip(found, expected, strict=True):
        assert wanted.norm() > 0
        assert relative(gradient.double(), wanted) < 0.02


@pytest.mark.parametrize(("step", "least"), [(1e-5, 0.98), (0.01, 0.5), (0.05, 0.5)])
def test_the_log_loss_schedule_lowers_the_log_of_the_loss_by_about_its_step(step, least):
    """By all of it while steps are small, by less where they bounce between the walls of a valley."""
    network, inputs, labels = confident()
    _, curve = train(network, inputs, labels, training(LogLossSchedule(step=step), steps=100))
    falls = [math.log(before.loss / after.loss) / (20 * step) for before, after in pairwise(curve)]
    assert len(falls) == 5
    assert least < min(falls)
    assert max(falls) < 1.001


def test_single_precision_trains_to_losses_as_small_as_double():
    network, inputs, labels = confident()
    settings = training(LogLossSchedule(), target_loss=1e-12, steps=5000)
    single, curve = train(network.to(dtype=torch.float32), inputs.float(), labels.float(), settings)
    double, _ = train(network, inputs, labels, settings)
    assert curve[-1].loss <= 1e-12
    assert curve[-1].loss == pytest.approx(
        LOGISTIC.mean_loss(labels * phi(single.to(dtype=torch.float64), inputs)).item(), 1e-3
    )
    for found, expected in zip(single.parameters, double.parameters, strict=True):
        assert relative(found.double(), expected) < 1e-3


@pytest.mark.parametrize("schedule", [LogLossSchedule(step=0.02), ConstantSchedule(kind="constant", learning_rate=0.2)])
def test_training_in_the_span_of_the_data_equals_training_in_full_pixels(schedule):
    inputs, labels = normal(8, 30), alternating(8)
    inputs = inputs - inputs.mean(0)
    settings = Model(hidden=[12, 10], first_layer_scale=0.1, seed=3, training=training(schedule, steps=300))
    fitted, curve = fit(settings, inputs, labels, CPU)
    begun = initialise(30, [12, 10], 0.1, generator(3))
    full, full_curve = train(begun, inputs, labels, settings.training)
    assert len(data_span(inputs)) == 7
    assert full_curve[-1].loss < 0.1 * full_curve[0].loss
    assert [row.loss for row in curve] == pytest.approx([row.loss for row in full_curve], rel=1e-9)
    for found, expected, initial in zip(fitted.parameters, full.parameters, begun.parameters, strict=True):
        assert relative(found - initial, expected - initial) < 1e-9


@pytest.mark.parametrize("name", EVERY_ACTIVATION)
def test_a_network_is_trained_with_the_activation_of_the_settings(name):
    kind, *slope = name.split()
    chosen = {"activation": kind, "negative_slope": slope[0] if slope else None}
    settings = Model(hidden=[20], **chosen, training=Training(target_loss=1e-2))
    network, curve = fit(settings, normal(8, 10), alternating(8), torch.device("cpu"))
    assert network.activation == EVERY_ACTIVATION[name]
    assert curve[-1].loss <= 1e-2


def test_training_stops_at_its_target_or_its_steps_and_records_where():
    network, inputs, labels = confident()
    _, curve = train(network, inputs, labels, training(LogLossSchedule(), target_loss=1e-3, steps=10_000))
    assert curve[-1].loss <= 1e-3 < curve[-2].loss
    _, curve = train(network, inputs, labels, training(LogLossSchedule(), steps=45))
    assert [row.step for row in curve] == [0, 20, 40, 45]


def test_the_curve_holds_the_margins_of_the_network_it_is_of():
    network, inputs, labels = random_network(5, [6]), normal(9, 5), alternating(9)
    seen = []
    settings = training(ConstantSchedule(kind="constant", learning_rate=0.1), steps=30)
    trained, curve = descend(network, inputs, labels, settings, seen.append)
    margins = labels * phi(trained, inputs)
    assert seen == curve
    assert curve[-1].smallest_margin == pytest.approx(margins.min().item())
    assert curve[-1].median_margin == pytest.approx(margins.median().item())
    assert curve[-1].accuracy == pytest.approx((margins > 0).double().mean().item())
    assert curve[-1].loss == pytest.approx(LOGISTIC.mean_loss(margins).item())


@pytest.mark.parametrize("more", [{"target_loss": 1e-3}, {"steps": 3}, {"steps": RECORD_EVERY + 3}])
def test_nothing_moves_once_training_is_over(more):
    """However late one looks at it."""
    network, inputs, labels = confident()
    settings = training(LogLossSchedule(), **{"steps": 5000, **more})
    trained, curve = train(network, inputs, labels, settings)
    stepped, taken = network.map(torch.clone), torch.tensor(0)
    for _ in range(curve[-1].step + 5):
        state = step(stepped, taken, inputs, labels, settings, 0.05)
    assert int(taken) == int(state.steps) == curve[-1].step > 0
    assert state.loss.item() == curve[-1].loss
    assert all(torch.equal(*pair) for pair in zip(stepped.parameters, trained.parameters, strict=True))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("schedule", [LogLossSchedule(), ConstantSchedule(kind="constant", learning_rate=0.1)])
def test_no_step_asks_for_a_number(schedule, outputs):
    """Tensors without numbers, of which the device has none to give before it has computed them."""
    settings = training(schedule, weight_decay=1e-3, steps=9)
    given = random_network(5, [6, 4], outputs=outputs), torch.tensor(0), normal(9, 5), classes(9, outputs)
    with FakeTensorMode(allow_non_fake_inputs=True) as numberless:
        network, *tensors = given
        with pytest.raises(DataDependentOutputException):
            numberless.from_tensor(tensors[0]).item()
        fake = network.map(numberless.from_tensor), *map(numberless.from_tensor, tensors)
        for _ in range(2):
            state = step(*fake, settings, 0.05)
    assert state.outputs.shape == (9, outputs)


def test_the_network_given_is_left_as_it_is():
    network, inputs, labels = random_network(5, [6, 4]), normal(9, 5), alternating(9)
    before = [parameter.clone() for parameter in network.parameters]
    trained, _ = train(network, inputs, labels, training(LogLossSchedule(), steps=3))
    assert all(torch.equal(*pair) for pair in zip(before, network.parameters, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(before, trained.parameters, strict=True))


def test_divergence_is_an_error_that_a_user_can_mend():
    inputs, labels = normal(9, 5), torch.ones(9).double()
    labels[::3] = -1
    schedule = training(ConstantSchedule(kind="constant", learning_rate=1e200), steps=50)
    with pytest.raises(TrainingDiverged, match=r"after \d+ steps"):
        train(random_network(5, [6, 4]), inputs, labels, schedule)
    with pytest.raises(UserError, match="learning_rate"):
        fit(Model(hidden=[6, 4], first_layer_scale=0.7, training=schedule), inputs, labels, CPU)


def fit_at_constant_rate(rate, seed):
    training = Training(schedule=ConstantSchedule(kind="constant", learning_rate=rate), steps=200)
    settings = Model(hidden=[20], seed=seed, first_layer_scale=0.5, training=training)
    return fit(settings, 3 * normal(4, 9), alternating(4), CPU)


def test_a_large_rate_that_leaps_to_loss_zero_ends():
    assert fit_at_constant_rate(3.0, 1)[1][-1].loss == 0


def test_a_rate_far_too_large_is_an_error_that_a_user_can_mend():
    with pytest.raises(UserError, match="learning_rate"):
        fit_at_constant_rate(100.0, 0)


def test_a_network_that_responds_to_no_image_is_an_error():
    dead = Network((-torch.ones(3, 4).double(), torch.ones(1, 3).double()), torch.zeros(3).double())
    with pytest.raises(TrainingDiverged, match="no hidden unit responds"):
        train(dead, torch.ones(2, 4).double(), alternating(2), training(LogLossSchedule(), steps=3))
