"""What a sweep will take, before it begins."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from reconstruction.attack.plan import choose
from reconstruction.configuration import Model, Restarts, parsing
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.mlp import initialise
from reconstruction.stages import reconstruct
from reconstruction.tools import estimate, stand_in
from science_helpers import generator

CPU = torch.device("cpu")
DEFAULTS = """
datasets:
  faces: {source: {kind: faces}, labels: {rule: alternating}, per_label: 4}
models:
  small: {hidden: [20, 10]}
  theirs: {weights: theirs.pt, input_shape: [1, 25, 25]}
sweeps:
  few: {shards: 3, restarts: {per_shard: 2, candidates: 10, subspace: {iterations: 40}}}
  pixels: {restarts: {per_shard: 4, candidates: 10, method: published, precision: float64, keep: 0.5}}
experiments:
  - {dataset: faces, model: small, sweep: few}
"""


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """The configuration of YAML texts laid over DEFAULTS, with iterations that count as timed at once."""
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 0.001)

    def read(*overlays):
        paths = []
        for number, text in enumerate((DEFAULTS, *overlays)):
            paths.append(tmp_path / f"{number}.yaml")
            paths[-1].write_text(text)
        return parsing.load_files(paths)

    return read


def only(configuration, results):
    return estimate.estimate(configuration, configuration.experiments[0], CPU, results)


def test_a_model_that_is_not_trained_is_made_up_at_its_size(configuration, tmp_path):
    found = only(configuration(), tmp_path)
    assert not found.trained
    assert found.network.sizes == (7, 20, 10, 1)  # eight images, less their mean
    assert found.iterations == 40
    assert found.restart_seconds > 0
    assert found.job_seconds == 2 * found.restart_seconds
    assert found.disk == 4 * 3 * 2 * 10 * (7 + 1)
    assert found.good_per_shard == round(1800 / found.restart_seconds)


@pytest.mark.parametrize(
    ("amounts", "images"),
    [("per_label: [4, 6]", 10), ("per_label: all, held_out_per_label: 45", 10)],
)
def test_images_are_counted_whatever_way_their_amount_is_given(configuration, tmp_path, amounts, images):
    assert only(configuration(f"datasets: {{faces: {{{amounts}}}}}"), tmp_path).network.sizes == (images - 1, 20, 10, 1)


@pytest.mark.parametrize(
    "overlay", ["models: {small: {hidden: [20, 1000000000]}}", "datasets: {faces: {per_label: 1000000000000}}"]
)
def test_what_no_memory_holds_is_said_before_it_is_tried(configuration, tmp_path, overlay):
    with pytest.raises(UserError, match=r"small/model.h5: to train a network of 625-.*; lower hidden or per_label"):
        only(configuration(overlay), tmp_path)


def test_a_trained_model_is_searched_itself(configuration, tmp_path):
    network = initialise(625, [20, 10], 1e-4, generator(0))
    span = torch.randn(20, 3, generator=generator(1)).double() @ torch.randn(3, 625, generator=generator(2)).double()
    network.weights[0].add_(span)
    path = tmp_path / "faces/small/model.h5"
    store.write(path, "model", deployed.arrays(network, torch.zeros(1, 25, 25).numpy()), settings_json="{}")
    found = only(configuration(), tmp_path)
    assert found.trained
    assert found.network.sizes == (3, 20, 10, 1)


def test_the_reference_and_what_is_kept(configuration, tmp_path):
    overlay = "experiments: [{dataset: faces, model: small, sweep: pixels}]"
    found = only(configuration(overlay), tmp_path)
    assert (found.at_once, found.iterations) == (1, 50_000)
    assert found.network.sizes == (625, 20, 10, 1)
    assert found.disk == 4 * 4 * 5 * 626


def test_the_made_up_first_layer_has_the_rank_that_images_give_it():
    network = stand_in.made_up(Model(hidden=[50, 5]), 300, 21)
    attack = choose(network, Restarts(candidates=4))
    assert attack.method.space.basis.shape == (20, 300)


def test_seconds_per_iteration_leaves_start_and_end_out(monkeypatch):
    clock = [0.0]

    def search(iterations):
        clock[0] += 5 + 0.25 * iterations

    monkeypatch.setattr(estimate.time, "perf_counter", lambda: clock[0])
    assert estimate.seconds_per_iteration(search) == pytest.approx(0.25, rel=0.01)


def test_weights_from_elsewhere_are_wanted_first(configuration, tmp_path):
    overlay = "experiments: [{dataset: faces, model: theirs, sweep: few}]"
    with pytest.raises(UserError, match=r"theirs/model\.h5: .*run `snakemake .*model\.h5` first"):
        only(configuration(overlay), tmp_path)


def test_it_is_told_for_every_experiment(configuration, tmp_path, capsys):
    overlay = "experiments: [{dataset: faces, model: small, sweep: few}, {dataset: faces, model: small, sweep: pixels}]"
    estimate.run(configuration(overlay), CPU, tmp_path)
    said = capsys.readouterr().out
    assert "faces, small, few: 3 jobs of 2 restarts, 6 in all, 40 iterations each" in said
    assert "faces, small, pixels: 1 jobs of 4 restarts" in said
    assert len(re.findall(r"per_shard +\d+ would make jobs of half an hour", said)) == 2
    assert "estimate:" not in said
    assert "controls" not in said
    assert "warning" not in said
    assert len(re.findall(r"training +about [0-9.]+ ", said)) == 2
    assert len(re.findall(r"all  +.* on this machine, \d+ jobs at once; .* one after the other", said)) == 2
    estimate.run(configuration(overlay, "controls: {scrambled_weights: true}"), CPU, tmp_path)
    assert capsys.readouterr().out.count("controls   1 further searches as long") == 2


def test_a_job_of_more_than_an_hour_is_warned_of_and_jobs_share_the_machine(configuration, tmp_path):
    found = replace(only(configuration(), tmp_path), restart_seconds=1801.0, controls=1, merging_seconds=7.0)
    said = estimate.describe(found, CPU)
    assert "longer than the hour that profiles/slurm gives it" in said
    assert "merging    up to 7 s of deflation" in said
    assert "by gradients where their weights do not allow the exact attack" in said
    # three shards and as many of the control, each of two restarts
    assert found.wall_seconds(4) == found.training_seconds + 2 * 3602 + 7
    assert found.wall_seconds(1) == found.training_seconds + 6 * 3602 + 7
    assert "warning" not in estimate.describe(replace(found, restart_seconds=1799.0), CPU)


def test_training_takes_the_steps_of_its_schedule(configuration, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "seconds_per_iteration", lambda few: few(2) or 0.5)
    read = configuration()

    def seconds(training):
        found = parsing.load_files([tmp_path / "0.yaml", write(tmp_path / "training.yaml", training)])
        return estimate.training_seconds(found, found.experiments[0], only_network(found), CPU)

    def write(path, training):
        path.write_text(f"models: {{small: {{training: {training}}}}}")
        return path

    def only_network(found):
        return stand_in.made_up(found.models["small"], 625, 8)

    assert read.models["small"].training.target_loss == 1e-10
    assert seconds("{}") == pytest.approx(0.5 * math.log(math.log(2) / 1e-10) / 0.01, abs=0.5)
    assert seconds("{steps: 100}") == 50
    assert seconds("{weight_decay: 1.0e-3}") == pytest.approx(0.5 * (math.log(math.log(2) / 1e-3) / 0.01 + 3000), abs=1)
    assert seconds("{schedule: {kind: constant}, steps: 5000, target_loss: 0}") == 2500


def test_large_numbers_are_written_out():
    assert estimate._gib(150 * 2**30) == "150 GiB"
    assert estimate._gib(3 * 2**29) == "1.5 GiB"
    assert estimate._gib(511 * 2**20) == "511 MiB"


def test_a_real_job_takes_what_was_estimated(configuration, tmp_path, monkeypatch):
    """To an order of magnitude: both are short, and the machine may be busy."""
    monkeypatch.setattr(estimate, "TIMED_SECONDS", 0.2)
    network = initialise(625, [200, 200], 1e-4, generator(0))
    network.weights[0].add_(torch.randn(200, 40, generator=generator(1)).double() @ torch.randn(40, 625).double())
    path = tmp_path / "faces/small/model.h5"
    store.write(path, "model", deployed.arrays(network, torch.zeros(1, 25, 25).numpy()), settings_json="{}")
    overlay = "sweeps: {few: {restarts: {candidates: 100, subspace: {iterations: 100}}}}"
    read = configuration(overlay)
    expected = only(read, tmp_path)
    reconstruct.run(read.sweeps["few"].restarts, 0, path, tmp_path / "0000.h5", CPU)
    taken = store.read(tmp_path / "0000.h5", "shard").facts["seconds"]
    assert 0.1 < taken / expected.job_seconds < 10


def test_files_are_laid_over_each_other(configuration):
    read = configuration("sweeps: {few: {shards: 7}}", "models: {small: {hidden: [5, 5]}}")
    assert read.sweeps["few"].shards == 7
    assert read.sweeps["few"].restarts.candidates == 10
    assert read.models["small"].hidden == [5, 5]


@pytest.mark.parametrize("text", ["[1, 2", "- a list", "just words"])
def test_a_file_that_is_no_configuration_is_named(configuration, text):
    with pytest.raises(UserError, match=r"1\.yaml: (cannot be read|not YAML)"):
        configuration(text)


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match=r"nowhere\.yaml: cannot be read \(no such file or directory\)"):
        parsing.load_files([Path("nowhere.yaml")])
