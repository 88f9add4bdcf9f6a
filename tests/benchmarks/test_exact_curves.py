"""The settings, networks and files of benchmarks/exact_curves.py."""

import math
from dataclasses import asdict, replace

import pytest
import torch
from exact_axes import AXES, DEMO, SGD, Setting
from exact_curves import append
from exact_curves_figure import COLUMNS, markdown, on, panels, read
from exact_networks import noisy, rounded, settled, trained_by_pytorch
from reconstruction.configuration import Model, Training
from reconstruction.models.mlp import Network
from reconstruction.training.fit import fit
from science_helpers import alternating, generator, normal, relative

MEASURED = dict.fromkeys(["rank", *COLUMNS], 1.0)


def test_a_settled_network_is_what_training_by_the_workflow_gives():
    inputs, labels = normal(8, 30), alternating(8)
    flow = Training(target_loss=0.1)
    begun = fit(Model(hidden=[12, 12], training=flow), inputs, labels, torch.device("cpu"))[1][-1].step
    training = Training(weight_decay=0.1, target_loss=0, steps=begun + 20)
    expected, _ = fit(Model(hidden=[12, 12], training=training), inputs, labels, torch.device("cpu"))
    network = settled(Setting(width=12, weight_decay=0.1, steps=20), inputs, labels)
    assert max(map(relative, network.to(dtype=torch.float64).parameters, expected.parameters)) < 1e-4


def test_foldings_are_what_weight_decay_has_done_to_weights_without_gradient():
    """Inputs of zero leave the first layer's weights to the decay alone."""
    setting = replace(SGD, width=10, rate=0.05, steps=400, batch=2, weight_decay=0.01)
    start, network = (
        trained_by_pytorch(replace(setting, steps=steps), torch.zeros(4, 6), alternating(4)) for steps in (0, 400)
    )
    shrunk = (network.weights[0].norm() / start.weights[0].norm()).item()
    assert -math.log(shrunk) == pytest.approx(setting.foldings, rel=0.1)


def test_batches_of_pytorch_go_through_all_images():
    setting = replace(SGD, width=10, rate=1.0, steps=2, batch=2, weight_decay=0.0)
    start, network = (
        trained_by_pytorch(replace(setting, steps=steps), torch.eye(4, 6), alternating(4)) for steps in (0, 2)
    )
    moved = (network.weights[0] - start.weights[0]).abs().sum(0) > 0
    assert moved.tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize(("to", "error"), [("float32", 2**-24), ("float16", 2**-11), ("bfloat16", 2**-8)])
def test_floats_are_rounded_to_their_precision(to, error):
    parameter = normal(50, 40)
    assert 0 < ((rounded(parameter, to) - parameter) / parameter).abs().max() <= error * (1 + 1e-6)


def test_int8_leaves_255_equally_spaced_values():
    parameter = normal(50, 40)
    values = rounded(parameter, "int8") / parameter.abs().max() * 127
    assert torch.allclose(values, values.round())
    assert values.abs().max() == pytest.approx(127)
    assert (values - parameter / parameter.abs().max() * 127).abs().max() <= 0.5 + 1e-9


def test_noise_is_relative_to_each_parameter():
    network = Network((3 * normal(60, 50), 0.01 * normal(1, 3000)), None)
    left = network.map(lambda parameter: noisy(parameter, 0.1, generator(0)) - parameter)
    for noise, parameter in zip(left.weights, network.weights, strict=True):
        assert (noise.std() / parameter.std()).item() == pytest.approx(0.1, rel=0.1)


def test_rows_are_read_as_they_were_written_and_a_missing_file_has_none(tmp_path):
    settings = [setting for axis in AXES.values() for setting in axis.settings]
    assert read(tmp_path / "curves.csv") == []
    for setting in settings:
        append(tmp_path / "curves.csv", asdict(setting) | MEASURED)
    assert read(tmp_path / "curves.csv") == [(setting, MEASURED) for setting in settings]


@pytest.mark.parametrize("axis", AXES.values(), ids=AXES)
def test_no_axis_has_a_value_twice(axis):
    assert len({axis.value(setting) for setting in axis.settings}) == len(axis.settings)


def test_figure_and_table_show_every_axis_with_rows_and_every_seed():
    rows = [(replace(it, seed=seed), MEASURED) for it in AXES["noise"].settings for seed in (1, 0)]
    rows += [(it, MEASURED) for it in AXES["optimiser"].settings]
    assert [setting.seed for setting, _ in on(AXES["noise"], rows)][:2] == [0, 1]
    assert DEMO in dict(on(AXES["width"], rows))
    shown = [panel.get_xlabel() for panel in panels(rows).axes]
    assert {AXES["noise"].title, AXES["optimiser"].title} <= set(shown)
    assert AXES["digits"].title not in shown
    assert f"| {AXES['noise'].title} | 0 | 0 | accepts, rank 1 | " in markdown(rows)
    assert len(markdown(rows).splitlines()) == 2 + sum(len(on(axis, rows)) for axis in AXES.values())
