"""Faults that need neither scheduler nor root: after each, the same results, or one clear sentence."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from fault_helpers import (
    SHARDS,
    STAGES,
    check_out,
    damage,
    run_all,
    run_stage,
    snakemake,
    start_snakemake,
    tables,
    the_error,
    undisturbed_tables,
)
from reconstruction.__main__ import main
from reconstruction.files import store
from reconstruction.files.label import glance
from reconstruction.files.layout import progress_of

INPUTS = [(stage, option.split()[1]) for stage, (inputs, _) in STAGES.items() for option in inputs]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    torch.set_num_threads(1)
    return run_all(tmp_path_factory.mktemp("made"))


@pytest.mark.parametrize("how", ["truncated", "flipped", "foreign", "version"])
@pytest.mark.parametrize(("stage", "file"), [(stage, file) for stage, file in INPUTS if file.endswith(".h5")])
def test_a_damaged_file_is_refused_by_every_stage_that_reads_it(made, tmp_path, capsys, stage, file, how):
    inputs, outputs = tmp_path / "inputs", tmp_path / "outputs"
    shutil.copytree(made, inputs)
    damage(inputs / file, how)
    assert run_stage(stage, inputs, outputs) == 1
    sentence = the_error(capsys)
    assert sentence.startswith(f"{inputs / file}: ")
    assert not outputs.exists()


def test_the_file_of_another_stage_is_refused(made, tmp_path, capsys):
    inputs = tmp_path / "inputs"
    shutil.copytree(made, inputs)
    shutil.copy(inputs / "training.h5", inputs / "model.h5")
    assert run_stage("reconstruct", inputs, tmp_path / "outputs") == 1
    assert the_error(capsys) == f"{inputs / 'model.h5'}: a training file; give a model file, made by `train`"


def test_a_pixel_that_is_no_number_is_refused(tmp_path, capsys):
    images = np.random.default_rng(0).random((16, 4, 4))
    images[3, 2, 1] = np.nan
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(16) % 2)
    settings = {
        "source": {"kind": "file", "path": str(tmp_path / "mine.npz")},
        "labels": {"rule": "alternating"},
        "per_label": 4,
    }
    assert run_stage("subset", tmp_path, tmp_path, yaml.safe_dump(settings)) == 1
    assert "image 3 has a pixel that is no finite number" in the_error(capsys)
    assert not (tmp_path / "subset.h5").exists()


def test_the_table_is_the_same_however_long_it_took(made, tmp_path):
    evaluation = store.read(made / "evaluation.h5", "evaluation")
    store.write(
        tmp_path / "evaluation.h5", "evaluation", evaluation.arrays, settings_json="{}",
        facts={"timings": [["train", "cuda", 1e6], ["reconstruct", "cuda", 2e6]]},
    )  # fmt: skip
    for folder, path in (("once", made), ("again", tmp_path)):
        assert main(["table", "--evaluations", str(path / "evaluation.h5"), "--folder", str(tmp_path / folder)]) == 0
    for name in ("table.csv", "table.md", "table.tex", "controls.csv"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (tmp_path / "once/timings.csv").read_bytes() != (tmp_path / "again/timings.csv").read_bytes()


# Restarts that diverge -----------------------------------------------------------------------------------


def shards_of(made, folder, learning_rate):
    """Three shards of one restart each, some of which may diverge."""
    search = {"iterations": 40, "learning_rate": learning_rate}
    settings = {"per_shard": 1, "candidates": 8, "method": "published", "published": search}
    paths = [str(folder / f"{shard:04d}.h5") for shard in range(3)]
    for shard, path in enumerate(paths):
        arguments = ["--settings", yaml.safe_dump(settings), "--model", str(made / "model.h5"), "--shard", str(shard)]
        assert main(["reconstruct", *arguments, "--output", path, "--device", "cpu"]) == 0
    return paths


def deduplicate(made, folder, shards):
    arguments = ["--settings", "{}", "--model", str(made / "model.h5"), "--shards", *shards]
    return main(["deduplicate", *arguments, "--output", str(folder / "candidates.h5")])


def test_a_shard_of_which_every_restart_diverges_brings_nothing_and_the_rest_goes_on(made, tmp_path, capsys):
    inputs = tmp_path / "inputs"
    shutil.copytree(made, inputs)
    shards = shards_of(inputs, inputs, {"log-uniform": [1e-6, 1e3]})
    diverged = [store.read(Path(path), "shard")["diverged"].all() for path in shards]
    assert 0 < sum(diverged) < 3
    capsys.readouterr()
    assert deduplicate(inputs, inputs, shards) == 0
    lost = [path for path, is_lost in zip(shards, diverged, strict=True) if is_lost]
    said = capsys.readouterr().out.splitlines()
    assert said[:-1] == [f"deduplicate: {path} brings nothing, its restarts have all diverged" for path in lost]
    for stage in ("evaluate", "inspect", "draw", "table"):
        assert run_stage(stage, inputs, inputs) == 0
    row = pd.read_csv(inputs / "tables/table.csv").iloc[0]
    assert (row["restarts"], row["diverged"]) == (3, len(lost))
    assert np.isfinite(row["ncc_median"])


def test_where_every_shard_diverges_one_sentence_says_so(made, tmp_path, capsys):
    shards = shards_of(made, tmp_path, 1e12)
    capsys.readouterr()
    assert deduplicate(made, tmp_path, shards) == 1
    assert "all 3 restarts diverged; lower the sweep's learning_rate range" in the_error(capsys)


# Snakemake -----------------------------------------------------------------------------------------------

ITERATIONS = 3000


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tables of a run that nothing disturbed."""
    return undisturbed_tables(tmp_path_factory.mktemp("undisturbed"), ITERATIONS)


def wait_for(condition, seconds=200):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def progress(folder, shard):
    label = glance(progress_of(folder / SHARDS / f"{shard:04d}.h5"), "progress")
    return label.facts if label else {"fraction": -1}


def under_way(folder, fraction):
    """How many shards are searched and beyond that fraction of their work; Snakemake takes them in any order."""
    return sum(progress(folder, shard)["fraction"] > fraction for shard in range(3))


def searching(folder):
    """The process numbers of this folder's reconstruct jobs."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words, place = (path / "cmdline").read_bytes().split(b"\0"), (path / "cwd").readlink()
            if b"reconstruct" in words and place == folder:
                found.add(int(path.name))
    return found


@contextlib.contextmanager
def paused(processes):
    """They stand still within it, so that the test does not race them."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@pytest.mark.slow
def test_killed_without_mercy_snakemake_goes_on_beside_its_orphans(undisturbed, tmp_path):
    folder = check_out(tmp_path, ITERATIONS, checkpoint_seconds=0.2)
    first = start_snakemake(folder, output=subprocess.DEVNULL)
    wait_for(lambda: under_way(folder, 0.1) == 2)
    first.kill()
    first.wait()
    orphans = searching(folder)
    assert len(orphans) == 2
    with paused(orphans):
        status, said = snakemake(folder)
        assert status != 0
        assert "--unlock" in said
        assert snakemake(folder, "--unlock")[0] == 0
        second = start_snakemake(folder)
        wait_for(lambda: searching(folder) - orphans)
    said, _ = second.communicate(timeout=600)
    assert second.returncode == 0, said
    assert tables(folder) == undisturbed
    wait_for(lambda: not searching(folder))
    status, said = snakemake(folder)
    assert status == 0, said
    assert tables(folder) == undisturbed


@pytest.mark.slow
def test_killed_with_all_its_jobs_the_shards_go_on(undisturbed, tmp_path):
    folder = check_out(tmp_path, ITERATIONS, checkpoint_seconds=0.2)
    first = start_snakemake(folder, output=subprocess.DEVNULL)
    wait_for(lambda: under_way(folder, 0.2) == 2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert snakemake(folder, "--unlock")[0] == 0
    status, said = snakemake(folder)
    assert status == 0, said
    assert said.count("goes on after") == 2
    assert tables(folder) == undisturbed
    assert [path.name for path in (folder / SHARDS).iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_second_sweep_in_the_same_folder_is_refused_and_the_first_ends_undisturbed(undisturbed, tmp_path):
    folder = check_out(tmp_path, ITERATIONS)
    first = start_snakemake(folder)
    wait_for(lambda: under_way(folder, -1) > 0)
    status, said = snakemake(folder)
    assert status != 0
    assert "Directory cannot be locked" in said
    assert "Traceback" not in said
    said, _ = first.communicate(timeout=600)
    assert first.returncode == 0, said
    assert tables(folder) == undisturbed


# A clock that jumps --------------------------------------------------------------------------------------


def jumping_clock(folder):
    """An environment in which the time of day is shifted by what the file `shift` says, and that file."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not installed")
    shift = folder / "shift"
    shift.write_text("+0d")
    variables = {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    return {**os.environ, "LD_PRELOAD": str(libraries[0]), "FAKETIME_TIMESTAMP_FILE": str(shift), **variables}, shift


@pytest.mark.slow
def test_a_clock_that_jumps_changes_nothing(undisturbed, tmp_path):
    folder = check_out(tmp_path, ITERATIONS, checkpoint_seconds=0.2)
    environment, shift = jumping_clock(tmp_path)
    process = start_snakemake(folder, environment=environment)
    for jump in ("-3d", "+5d"):
        begun = progress(folder, 0)["fraction"]
        wait_for(lambda begun=begun: progress(folder, 0)["fraction"] > begun + 0.1)
        shift.write_text(jump)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert len(set(re.findall(r"^\[\w+ (\w+ +\d+) ", said, re.MULTILINE))) > 1  # Snakemake has seen other days
    assert tables(folder) == undisturbed


@pytest.mark.slow
def test_files_from_the_future_run_nothing_again(tmp_path):
    folder = check_out(tmp_path)
    assert snakemake(folder)[0] == 0
    for name in ("results/faces/subset.h5", "results/faces/mlp500/model.h5", f"{SHARDS}/0001.h5"):
        os.utime(folder / name, (time.time() + 86400,) * 2)
    status, said = snakemake(folder)
    assert status == 0, said
    assert "Nothing to be done" in said
