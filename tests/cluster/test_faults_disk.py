"""Disks that are full or read-only, by real mounts: one clear sentence, and nothing finished is lost."""

import re
import shutil
import subprocess
from contextlib import contextmanager, suppress

import pytest
import torch
from fault_helpers import STAGES, check_out, run_all, run_stage, snakemake, tables, the_error, undisturbed_tables

pytestmark = pytest.mark.cluster
ITERATIONS = 500


@contextmanager
def mounted(folder, *arguments):
    """A mount on the folder; skips where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    done = mount and subprocess.run([mount, *arguments, folder], check=False, capture_output=True, text=True)
    if not done or done.returncode:
        pytest.skip(f"mounting needs root: {done.stderr.strip() if done else 'no mount command'}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def small_disk(folder, size):
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "none")


def fill(folder, spare=0):
    """Leave so many bytes of the disk free."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as handle:
        while True:
            handle.write(bytes(4096))
    with filler.open("r+b") as handle:
        handle.truncate(filler.stat().st_size - spare)
    return filler


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    torch.set_num_threads(1)
    return run_all(tmp_path_factory.mktemp("made"))


def whole_files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "filler"}


@pytest.mark.parametrize("spare", [0, 8192])
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_named_by_every_stage_and_costs_no_file_that_was_there(made, tmp_path, capsys, stage, spare):
    with small_disk(tmp_path / "disk", "8m") as disk:
        for option in STAGES[stage][1]:
            name = option.split()[1]
            if (made / name).is_file():
                shutil.copy(made / name, disk / name)
        before = whole_files(disk)
        filler = fill(disk, spare)
        assert run_stage(stage, made, disk) == 1
        sentence = the_error(capsys)
        assert sentence.startswith(str(disk))
        assert re.search(r"cannot be written \(.*no space left on device.*\); free or unlock the disk", sentence)
        assert {name: content for name, content in whole_files(disk).items() if name in before} == before
        assert list(disk.rglob(".*")) == []
        filler.unlink()
        assert run_stage(stage, made, disk) == 0


@pytest.mark.parametrize("stage", STAGES)
def test_a_read_only_folder_is_named_by_every_stage(made, tmp_path, capsys, stage):
    (tmp_path / "plain").mkdir()
    with mounted(tmp_path / "results", "--bind", "-o", "ro", tmp_path / "plain") as results:
        assert run_stage(stage, made, results) == 1
        sentence = the_error(capsys)
        assert sentence.startswith(str(results))
        assert "cannot be written (read-only file system); free or unlock the disk and run again" in sentence


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return undisturbed_tables(tmp_path_factory.mktemp("undisturbed"), ITERATIONS)


def test_a_disk_that_fills_up_under_a_sweep_stops_it_and_freed_it_goes_on(undisturbed, tmp_path):
    folder = check_out(tmp_path / "checkout", ITERATIONS)
    with small_disk(folder / "results", "8m") as results:
        status, said = snakemake(folder, "results/faces/mlp500/model.h5")
        assert status == 0, said
        filler = fill(results, 8192)
        status, said = snakemake(folder)
        assert status != 0
        assert "going on without a checkpoint" in said
        assert re.search(r"error: results/.*/shards/000\d\.h5: cannot be written \(no space left on device\)", said)
        filler.unlink()
        status, said = snakemake(folder)
        assert status == 0, said
        assert tables(folder) == undisturbed


def test_a_read_only_results_folder_stops_a_sweep_with_a_sentence(tmp_path):
    folder = check_out(tmp_path / "checkout")
    (tmp_path / "plain").mkdir()
    with mounted(folder / "results", "--bind", "-o", "ro", tmp_path / "plain"):
        status, said = snakemake(folder)
        assert status != 0
        assert re.search(r"[Rr]ead-only file system", said)
        assert "Traceback" not in said
