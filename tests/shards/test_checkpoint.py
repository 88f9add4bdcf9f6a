"""An interrupted shard ends where it would have ended, to the bit; a checkpoint that does not serve is left out."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from fault_helpers import damage
from reconstruction.attack.plan import choose
from reconstruction.attack.search.starts import draw
from reconstruction.configuration import Restarts
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.files.label import glance
from reconstruction.files.layout import progress_of
from reconstruction.machine.progress import Progress
from reconstruction.machine.signals import Interrupted, Notice
from reconstruction.models import deployed
from reconstruction.models.mlp import Network
from reconstruction.shards import batches
from reconstruction.shards.batches import Searched, prepare, product_dtype, search_in_batches
from reconstruction.shards.checkpoint import Checkpoint, conditions
from science_helpers import normal, orthonormal, random_network
from shard_helpers import Interrupting

CPU = torch.device("cpu")
SEARCH = {"iterations": 9, "learning_rate": 0.01, "lambda_learning_rate": 0.001, "initial_scale": 0.1}
ITERATIONS, RESTARTS = SEARCH["iterations"] + 1, 5  # the last one only measures
WAYS = {
    "published": {"method": "published", "precision": "float32"},
    "subspace": {"method": "subspace", "precision": "float32"},
    "bfloat16": {"method": "subspace", "precision": "bfloat16"},
}


def settings(way, **changes):
    shared = {"candidates": 6, "per_shard": RESTARTS, "trace_points": 4, "published": SEARCH}
    return Restarts.model_validate({**shared, "subspace": {**SEARCH, "rank": 3}, **WAYS[way], **changes})


def network():
    """A network whose first layer has a row space of three directions."""
    plain = random_network(5, [6, 5])
    first = orthonormal(3, 6, seed=1).T * torch.tensor([3.0, 2, 1]).double() @ orthonormal(3, 5, seed=2)
    return Network((first + 1e-5 * normal(6, 5), *plain.weights[1:]), plain.bias).to(dtype=torch.float32)


@pytest.fixture
def model(tmp_path):
    arrays = deployed.arrays(network(), np.zeros((1, 1, 5), np.float32))
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}")
    return store.read(tmp_path / "model.h5", "model")


def keeper_of(tmp_path, model, sweep, at=None, **changed):
    checkpoint = Checkpoint(
        tmp_path / "0000.h5", sweep.to_json(), model, {**conditions(0, CPU, sweep.precision), **changed}
    )
    keeper = Interrupting(checkpoint, Notice(), 1000, torch.ones(3), print)
    keeper.at = at
    return keeper


def searched(sweep, keeper=None):
    attack, numbers = choose(network(), sweep), range(RESTARTS)
    drawn = [draw(attack.settings, sweep.seed, number) for number in numbers]
    products = product_dtype(sweep, attack.name, CPU)
    prepared, starts = prepare(attack, network(), sweep, numbers, drawn, CPU, products)
    return search_in_batches(attack, prepared, starts, Progress("test"), keeper)


def assert_same(outcome, expected):
    for name, tensor in vars(expected).items():
        found = getattr(outcome, name)
        assert found.dtype == tensor.dtype
        assert torch.equal(found, tensor), name


@pytest.mark.parametrize(
    ("way", "at_once"),
    [(way, at_once) for way in WAYS for at_once in (1, 2, 100)],
)
def test_interrupted_anywhere_it_ends_where_it_would_have_ended(tmp_path, model, monkeypatch, way, at_once):
    monkeypatch.setattr(batches, "restarts_at_once", lambda *_: at_once)
    sweep = settings(way)
    whole = keeper_of(tmp_path, model, sweep)
    expected = searched(sweep)
    assert_same(searched(sweep, whole), expected)
    whole.checkpoint.remove()
    for at in range(0, whole.pauses, 2 if at_once == 1 else 1):
        with pytest.raises(Interrupted, match="stopped by SIGTERM; run again, it goes on from where it stopped"):
            searched(sweep, keeper_of(tmp_path, model, sweep, at))
        again = keeper_of(tmp_path, model, sweep)
        assert_same(searched(sweep, again), expected)
        assert again.pauses == whole.pauses - at
        again.checkpoint.remove()


@pytest.mark.parametrize("way", ["published", "subspace"])
def test_interrupted_again_and_again(tmp_path, model, way):
    sweep = settings(way)
    expected, interruptions = searched(sweep), 0
    while True:
        try:
            outcome = searched(sweep, keeper_of(tmp_path, model, sweep, at=3))
            break
        except Interrupted:
            interruptions += 1
    assert interruptions == (RESTARTS * ITERATIONS - 1) // 3
    assert_same(outcome, expected)


def test_a_diverged_restart_stays_diverged(tmp_path, model):
    sweep = settings("published", published={**SEARCH, "learning_rate": 1e30})
    with pytest.raises(Interrupted):
        searched(sweep, keeper_of(tmp_path, model, sweep, at=17))
    assert glance(tmp_path / ".0000.progress.h5", "progress").facts["diverged"] == 2
    assert searched(sweep, keeper_of(tmp_path, model, sweep)).diverged.all()


def test_it_runs_as_many_at_once_as_before(tmp_path, model, monkeypatch, capsys):
    sweep = settings("published")
    monkeypatch.setattr(batches, "restarts_at_once", lambda *_: 2)
    with pytest.raises(Interrupted):
        searched(sweep, keeper_of(tmp_path, model, sweep, at=14))
    monkeypatch.setattr(batches, "restarts_at_once", lambda *_: 100)
    again = keeper_of(tmp_path, model, sweep, at=14)
    with pytest.raises(Interrupted):
        searched(sweep, again)
    assert "goes on after 2 restarts and 4 iterations" in capsys.readouterr().out
    assert again.checkpoint.read(Searched, 2).at_once == 2
    monkeypatch.setattr(batches, "restarts_at_once", lambda *_: 1)
    searched(sweep, keeper_of(tmp_path, model, sweep))
    assert "more restarts at once than the device has room for" in capsys.readouterr().out


def starts_over(tmp_path, model, sweep, capsys, **changed):
    """What is said of a checkpoint that is left out, in one line, before the shard starts over."""
    capsys.readouterr()
    keeper = keeper_of(tmp_path, model, sweep, **changed)
    assert_same(searched(sweep, keeper), searched(sweep))
    assert keeper.pauses == RESTARTS * ITERATIONS
    (line,) = capsys.readouterr().out.splitlines()
    assert ".0000.progress.h5: " in line
    return line


@pytest.fixture
def interrupted(tmp_path, model):
    """The path of a checkpoint of the published method in the middle of the second restart."""
    with pytest.raises(Interrupted):
        searched(settings("published"), keeper_of(tmp_path, model, settings("published"), at=14))
    return tmp_path / ".0000.progress.h5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shard", 1),
        ("code of the search", "another"),
        ("version of torch", "1.0"),
        ("version of numpy", "1.0"),
        ("device", "another"),
        ("number of threads", 64),
        ("precision", "float64"),
    ],
)
def test_a_checkpoint_made_under_other_conditions_is_left_out(tmp_path, model, interrupted, capsys, name, value):
    line = starts_over(tmp_path, model, settings("published"), capsys, **{name: value})
    assert line.endswith(f"progress.h5: of another {name}")


def test_a_checkpoint_of_another_configuration_is_left_out(tmp_path, model, interrupted, capsys):
    line = starts_over(tmp_path, model, settings("published", seed=1), capsys)
    assert line.endswith("of another configuration")


def test_a_checkpoint_of_another_model_is_left_out(tmp_path, model, interrupted, capsys):
    line = starts_over(tmp_path, replace(model, digest="another"), settings("published"), capsys)
    assert line.endswith("of another model")


@pytest.mark.parametrize("how", ["truncated", "empty", "flipped", "foreign", "version"])
def test_a_damaged_checkpoint_is_left_out(tmp_path, model, interrupted, capsys, how):
    damage(interrupted, how)
    assert "starts over" in starts_over(tmp_path, model, settings("published"), capsys)


def test_a_disk_that_refuses_the_checkpoint_is_named_once_and_the_search_goes_on(tmp_path, model, monkeypatch, capsys):
    def refuse(self, standing, facts):
        raise UserError("0000: cannot be written (no space left on device)", "free the disk")

    sweep = settings("published")
    expected = searched(sweep)
    monkeypatch.setattr(Checkpoint, "write", refuse)
    keeper = keeper_of(tmp_path, model, sweep)
    keeper.interval = keeper.wait = 0
    assert_same(searched(sweep, keeper), expected)
    assert capsys.readouterr().out.count("going on without a checkpoint: 0000: cannot be written (no space") == 1


def test_saving_takes_a_twentieth_of_the_time_at_most(tmp_path, model, monkeypatch):
    keeper = keeper_of(tmp_path, model, settings("published"))
    keeper.interval = keeper.due = 0
    now = [100.0]

    def slow(*_):
        now[0] += 3

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Checkpoint, "write", slow)
    keeper.pause(lambda: Searched(0.0), 0)
    assert keeper.due == 103 + 60


# As a command ----------------------------------------------------------------------------------------

LONG = settings("published", per_shard=2, published={**SEARCH, "iterations": 9000}, trace_points=10)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A folder with model.h5 and the shard that an undisturbed run makes of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    arrays = deployed.arrays(network(), np.zeros((1, 1, 5), np.float32))
    store.write(folder / "model.h5", "model", arrays, settings_json="{}")
    process = command(folder, folder / "0000.h5")
    process.communicate()
    assert process.returncode == 0
    return folder


SAVES_HOWEVER_SLOW_THE_DISK = """
import sys
from reconstruction import __main__
from reconstruction.shards import saving
saving.LARGEST_SHARE = 1
sys.exit(__main__.main())
"""


def command(folder, output, *options):
    arguments = ["--settings", LONG.to_json(), "--model", folder / "model.h5", "--shard", "0", "--output", output]
    arguments += ["--threads", "1", "--device", "cpu", *options]
    return subprocess.Popen(
        [sys.executable, "-c", SAVES_HOWEVER_SLOW_THE_DISK, "reconstruct", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def progress(output, process, beyond=-1.0):
    """What the process has saved of the shard with that output, once it has done more than a fraction of the work."""
    path, end = progress_of(output), time.monotonic() + 100
    while time.monotonic() < end:
        label = glance(path, "progress")
        if label and label.facts["process"]["pid"] == process.pid and label.facts["fraction"] > beyond:
            return label.facts
        time.sleep(0.01)
    raise TimeoutError(path)


def digest(path):
    return store.read(path, "shard").digest


def assert_goes_on(undisturbed, output):
    again = command(undisturbed, output, "--checkpoint-seconds", "0.05")
    said, _ = again.communicate(timeout=100)
    assert again.returncode == 0, said
    assert "shard 0 goes on after" in said
    assert digest(output) == digest(undisturbed / "0000.h5")
    assert list(output.parent.iterdir()) == [output]


def test_killed_in_the_middle_it_goes_on(undisturbed, tmp_path):
    output = tmp_path / "0000.h5"
    for fraction in (0.1, 0.6):
        process = command(undisturbed, output, "--checkpoint-seconds", "0.05")
        progress(output, process, fraction)
        process.kill()
        process.communicate()
        assert not output.exists()
    assert_goes_on(undisturbed, output)


def test_a_signal_saves_and_ends_it(undisturbed, tmp_path):
    output, before = tmp_path / "0000.h5", 0
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        process = command(undisturbed, output)
        running = progress(output, process)
        time.sleep(0.05)
        process.send_signal(number)
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 128 + number
        expected = f"reconstruct: shard 0 stopped by {number.name}; run again, it goes on from where it stopped"
        assert said.splitlines()[-1] == expected
        assert "Traceback" not in said
        stopped = progress(output, process)
        assert (running["stopped"], stopped["stopped"]) == (None, number.name)
        assert stopped["fraction"] >= before  # a busy machine may not get to an iteration in between
        before = stopped["fraction"]
    assert before > 0
    assert_goes_on(undisturbed, output)


def test_a_signal_that_ends_the_reader_of_the_output_too_still_saves(undisturbed, tmp_path):
    output = tmp_path / "0000.h5"
    process = command(undisturbed, output)
    progress(output, process)
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 128 + signal.SIGTERM
    assert progress(output, process)["stopped"] == "SIGTERM"


@pytest.mark.slow
def test_two_writers_of_one_shard_do_no_harm(undisturbed, tmp_path):
    output = tmp_path / "0000.h5"
    writers = [command(undisturbed, output, "--checkpoint-seconds", "0") for _ in range(2)]
    said = [writer.communicate(timeout=200)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    assert digest(output) == digest(undisturbed / "0000.h5")
    assert [path for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.slow
def test_a_stopped_writer_that_wakes_beside_its_successor_does_no_harm(undisturbed, tmp_path):
    output = tmp_path / "0000.h5"
    orphan = command(undisturbed, output, "--checkpoint-seconds", "0.05")
    progress(output, orphan, 0.2)
    os.kill(orphan.pid, signal.SIGSTOP)
    assert_goes_on(undisturbed, output)
    os.kill(orphan.pid, signal.SIGCONT)
    orphan.communicate(timeout=100)
    assert orphan.returncode == 0
    assert digest(output) == digest(undisturbed / "0000.h5")
