"""What is told of a sweep while it runs, from its files alone."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from reconstruction.__main__ import main
from reconstruction.configuration import Restarts, parsing
from reconstruction.errors import UserError
from reconstruction.files import store
from reconstruction.files.label import glance
from reconstruction.files.layout import progress_of
from reconstruction.machine import process
from reconstruction.machine.progress import Progress
from reconstruction.tools import status

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
datasets: {faces: {source: {kind: faces}, labels: {rule: alternating}, per_label: 4}}
models: {small: {hidden: [8]}}
sweeps: {demo: {shards: 6, restarts: {candidates: 4, per_shard: 2}}}
experiments: [{dataset: faces, model: small, sweep: demo}]
"""
SETTINGS = Restarts(candidates=4, per_shard=2)
NAME = "faces/small/demo"
ELSEWHERE = {**process.this(), "host": "another"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def output(folder, shard):
    return folder / "results" / NAME / "shards" / f"{shard:04d}.h5"


def write(path, kind, settings=SETTINGS, **facts):
    arrays = {"candidates": np.ones((2, 4, 3), np.float32)}
    store.write(path, kind, arrays, settings_json=settings.to_json(), facts=facts)


def finish(folder, shard, settings=SETTINGS, **facts):
    write(
        output(folder, shard),
        "shard",
        settings,
        **{"seconds": 100.0, "diverged": 1, "unexplained": [0.1, 0.9], **facts},
    )


def begin(folder, shard, settings=SETTINGS, **facts):
    usual = {"process": process.this(), "interval": 60, "stopped": None, "fraction": 0.5, "seconds": 40.0}
    path = progress_of(output(folder, shard))
    write(path, "progress", settings, **{**usual, "diverged": 0, "unexplained": [0.2, 0.3], **facts})
    return path


def log(folder, shard, text):
    path = folder / "logs" / NAME / "shards" / f"{shard:04d}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def shards(folder):
    sweep = parsing.load_files([folder / "config.yaml"]).sweeps["demo"]
    return status.look(folder, NAME, sweep)


def states(folder):
    return [shard.state for shard in shards(folder)]


def test_nothing_has_run(folder):
    assert states(folder) == ["waiting"] * 6
    assert status.time_left(shards(folder)) == "?"


def test_every_state(folder, capsys):
    finish(folder, 0)
    begin(folder, 1)
    begin(folder, 2, stopped="SIGTERM")
    begin(folder, 3)
    log(folder, 3, "reconstruct: shard 3: 10%\nerror: 0003.h5: cannot be written (no space left on device)\n")
    log(folder, 4, "Traceback (most recent call last):\n  File ...\nKeyError: 'oops'\n")
    log(folder, 5, "reconstruct: shard 5: 10%, iteration 3\n")
    assert states(folder) == ["done", "running", "stopped", "failed", "failed", "waiting"]
    assert main(["status"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == (
        ["search", "shards", *status.STATES, "diverged", "unexplained", "by", "layer", "time", "left"]
    )
    # three half-done shards and two that have not begun, of a hundred seconds each, one at a time
    row = [NAME, "6", "1", "1", "1", "2", "1", "1", "10%", "30%", "5.8", "min,", "1", "at", "once"]
    assert said[2].split() == row
    assert said[4:] == [
        f"failed: results/{NAME}/shards/0003.h5: 0003.h5: cannot be written (no space left on device)",
        f"failed: results/{NAME}/shards/0004.h5: KeyError: 'oops'",
    ]


@pytest.mark.parametrize(("seed", "state"), [(0, "done"), (1, "waiting")])
def test_a_pruned_shard_is_done_where_its_candidates_are_merged(folder, seed, state):
    finish(folder, 0)
    merged = {f"{number:04d}.h5": {"seconds": 9.0, "diverged": 2, "unexplained": [0.5, 0.5]} for number in (0, 1)}
    settings = SETTINGS.model_copy(update={"seed": seed}).model_dump(mode="json", by_alias=True)
    candidates = folder / "results" / NAME / "candidates.h5"
    write(candidates, "candidates", restart_settings=settings, shards=merged)
    assert states(folder) == ["done", state, *["waiting"] * 4]
    assert status.summarise(shards(folder))["diverged"] == ("3" if seed == 0 else "1")


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1e-9, "<0.0001%"),
        (1e-6, "0.0001%"),
        (0.001234, "0.12%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.996, "100%"),
        (1, "100%"),
        (3, "300%"),
    ],
)
def test_a_share_has_two_figures_or_is_whole(share, text):
    assert status.percent(share) == text


def test_files_of_other_settings_do_not_count(folder):
    other = Restarts(candidates=4, per_shard=2, seed=1)
    finish(folder, 0, other)
    begin(folder, 1, other)
    assert states(folder)[:2] == ["waiting", "waiting"]


def test_a_process_that_has_ended_is_seen_at_once(folder):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    begin(folder, 0, process={**process.this(), "pid": ended.pid})
    begin(folder, 1, process={**process.this(), "began": 1})  # the number is another process's now
    assert states(folder)[:2] == ["stopped", "stopped"]


def test_a_process_that_nobody_has_reaped_has_ended(folder):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert process.is_alive({**process.this(), "pid": ended.pid}) is False
    ended.wait()


@pytest.mark.parametrize(("age", "state"), [(0, "running"), (170, "running"), (-50, "running"), (190, "stopped")])
def test_a_process_elsewhere_runs_while_it_saves(folder, age, state):
    path = begin(folder, 0, process=ELSEWHERE)
    os.utime(path, (time.time() - age, time.time() - age))
    assert states(folder)[0] == state


def test_a_process_in_another_container_is_judged_by_what_it_saves(folder):
    begin(folder, 0, process={**process.this(), "namespace": "pid:[1]", "pid": 1})
    assert states(folder)[0] == "running"


def test_between_saves_the_log_tells_how_far_a_shard_is(folder):
    path = begin(folder, 0)
    os.utime(path, (time.time() - 20, time.time() - 20))
    say = "reconstruct: faces/small, shard 0 (subspace, cpu, float32):  {}, iteration 9, about 3 s left\n"
    log(folder, 0, say.format("70%") + say.format("75%") + "reconstruct: a note\n")
    (shard, *_) = shards(folder)
    assert (shard.state, shard.fraction) == ("running", 0.75)
    assert shard.facts["seconds"] == pytest.approx(60, abs=2)


def test_a_shard_that_has_run_again_after_an_error_has_not_failed(folder):
    log(folder, 0, "error: too bad\n")
    finish(folder, 0)
    log(folder, 1, "error: too bad\nreconstruct: shard 1 goes on after 1 restarts\n")
    begin(folder, 1)
    assert states(folder)[:2] == ["done", "running"]


def test_control_searches_are_rows_of_their_own(folder, capsys):
    (folder / "mine.yaml").write_text("controls: {scrambled_weights: true, networks: 1}")
    status.show(parsing.load_files([folder / "config.yaml", folder / "mine.yaml"]), folder)
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert names == ["faces/small/demo", "faces/small~scrambled/demo", "faces~1/small/demo"]


def test_sweeps_that_merge_alike_searches_are_one_row(folder, capsys):
    (folder / "mine.yaml").write_text("grid: {sweeps.demo.merge.similarity: [0.4, 0.6], sweeps.demo.shards: [2, 8]}")
    assert main(["status", "--configfile", "mine.yaml"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[2:]
    assert row.split()[:2] == [NAME, "8"]


def test_many_failures_are_counted(folder, capsys):
    for shard in range(6):
        log(folder, shard, "error: too bad")
    assert main(["status"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"failed: 3 more shards of {NAME}"


def test_time_left():
    def shard(state, fraction=0.0, seconds=100.0):
        return status.Shard(Path(), state, fraction, {"seconds": seconds})

    waiting = [shard("waiting")] * 8
    assert status.time_left([shard("done", 1.0)]) == "none"
    assert status.time_left([shard("done", 1.0), *waiting]) == "13 min, 1 at once"
    assert status.time_left([shard("done", 1.0), *[shard("running", 0.5)] * 4, *waiting]) == "4.2 min, 4 at once"
    assert status.time_left([shard("done", 1.0), *[shard("running", 0.9)] * 9, shard("running")]) == "100 s, 10 at once"
    assert status.time_left([shard("running", 0.25, 50), *waiting]) == "29 min, 1 at once"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (90, "90 s"), (200, "3.3 min"), (9000, "2.5 h"), (1e6, "12 days")]
)
def test_durations(seconds, text):
    assert status.duration(seconds) == text


def test_a_restart_that_all_diverged_has_no_residual(folder):
    finish(folder, 0, diverged=2, unexplained=None)
    assert status.summarise(shards(folder))["unexplained by layer"] == ""
    finish(folder, 1, unexplained=[0.5, 0.005])
    assert status.summarise(shards(folder))["unexplained by layer"] == "50% 0.5%"
    assert status.summarise(shards(folder))["diverged"] == "3"


def test_shards_of_an_older_version_are_done_all_the_same(folder):
    write(output(folder, 0), "shard", seconds=3.0)
    assert status.summarise(shards(folder))["done"] == "1"


@pytest.mark.parametrize("damage", [b"", b"HDF5?", None])
def test_a_file_that_cannot_be_read_counts_as_absent(folder, damage):
    finish(folder, 0)
    path = begin(folder, 1)
    for damaged in (output(folder, 0), path):
        damaged.write_bytes(damaged.read_bytes()[:3000] if damage is None else damage)
    assert states(folder)[:2] == ["waiting", "waiting"]


def test_no_flipped_bit_in_the_header_crashes_a_glance(folder):
    finish(folder, 0)
    whole = output(folder, 0).read_bytes()
    for position in range(0, len(whole), 11):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (position % 8)
        output(folder, 0).write_bytes(flipped)
        glance(output(folder, 0), "shard")


def test_it_takes_and_minds_no_lock(folder):
    finish(folder, 0)
    with output(folder, 0).open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            h5py.File(output(folder, 0), locking=True)
        assert states(folder)[0] == "done"
        assert store.read(output(folder, 0), "shard").facts["seconds"] == 100


def test_it_writes_nothing(folder):
    finish(folder, 0)
    begin(folder, 1)
    before = sorted(folder.rglob("*"))
    assert main(["status"]) == 0
    assert sorted(folder.rglob("*")) == before


def test_three_hundred_shards_take_no_time(folder):
    (folder / "many.yaml").write_text("sweeps: {demo: {shards: 312}}")
    large = {"candidates": np.zeros((8, 1000, 250), np.float32)}
    for shard in range(312):
        finish(folder, shard) if shard > 20 else store.write(
            output(folder, shard), "shard", large, settings_json=SETTINGS.to_json(), facts={"seconds": 100.0}
        )
    begun = time.perf_counter()
    assert main(["status", "--configfile", "many.yaml"]) == 0
    assert time.perf_counter() - begun < 5


def test_files_are_laid_over_each_other_as_by_snakemake(folder):
    (folder / "one.yaml").write_text("sweeps: {demo: {shards: 3, merge: {similarity: 0.6}}}\ndevice: cpu")
    (folder / "two.yaml").write_text("sweeps: {demo: {shards: 5}}")
    found = parsing.load_files([folder / name for name in ("config.yaml", "one.yaml", "two.yaml")])
    assert found.sweeps["demo"].shards == 5
    assert found.sweeps["demo"].merge.similarity == 0.6
    assert found.sweeps["demo"].restarts == SETTINGS
    assert (found.device, found.models["small"].hidden) == ("cpu", [8])


@pytest.mark.parametrize("text", ["a: [", "- 1", "\x00", None])
def test_a_file_that_is_no_configuration_is_named(folder, text):
    if text is not None:
        (folder / "bad.yaml").write_text(text)
    with pytest.raises(UserError, match=r"bad.yaml: (cannot be read \(.+\)|not YAML: .+); give") as caught:
        parsing.load_files([folder / "bad.yaml"])
    assert "\n" not in str(caught.value)


def test_the_time_left_of_work_that_goes_on_is_told_by_what_this_run_has_done(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    say = Progress("reconstruct")
    say(0.6, "begun")
    now[0] += 10
    say(0.8, "going")
    assert capsys.readouterr().out == "reconstruct:  80%, going, about 10 s left\n"
