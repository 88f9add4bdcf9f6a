"""Jobs of one machine spread over its GPUs: made-up ones, claimed by processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from reconstruction.errors import UserError
from reconstruction.machine import claim as claiming
from reconstruction.machine.claim import claim
from reconstruction.machine.signals import Interrupted, Notice

CUDA = torch.device("cuda")
JOB = """
import sys, types
cuda = types.SimpleNamespace(
    device_count=lambda: 2,
    get_device_properties=lambda number: types.SimpleNamespace(uuid=f"GPU-{number}"),
    set_device=lambda number: print(number, flush=True),
)
sys.modules["torch"] = types.SimpleNamespace(cuda=cuda)  # which takes seconds to load
from reconstruction.machine.claim import claim
claim(types.SimpleNamespace(type="cuda"), "train")
sys.stdin.read()
"""


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Three GPUs that this process sees, and the numbers of those that it computed on."""
    used = []
    monkeypatch.setattr(claiming.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(claiming, "SECONDS", 0.01)
    monkeypatch.setattr(claiming, "_held", [])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"GPU-{number}"))
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    yield used
    for descriptor in claiming._held:
        os.close(descriptor)


def as_other_jobs(monkeypatch, count):
    """Claims of so many further jobs."""
    held = []
    for _ in range(count):
        monkeypatch.setattr(claiming, "_held", [])
        claim(CUDA, "train")
        held += claiming._held
    monkeypatch.setattr(claiming, "_held", [])
    return held


def test_jobs_take_a_gpu_each_and_an_ended_one_gives_its_own_back(tmp_path):
    """A killed one, too."""

    def start():
        package = Path(claiming.__file__).parents[2]
        return subprocess.Popen(
            [sys.executable, "-c", JOB], env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(package)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    jobs = [start(), start()]
    try:
        numbers = [job.stdout.readline() for job in jobs]
        assert sorted(numbers) == ["0\n", "1\n"]
        jobs.append(start())
        assert "waits for a GPU, all 2" in jobs[-1].stdout.readline()
        jobs[1].kill()
        assert jobs[-1].stdout.readline() == numbers[1]
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def test_a_job_claims_one_gpu_and_on_a_cpu_none(gpus):
    claim(torch.device("cpu"), "train")
    assert gpus == []
    claim(CUDA, "train")
    claim(CUDA, "train")
    assert gpus == [0]


def test_a_signal_ends_the_wait(gpus, monkeypatch, capsys):
    held = as_other_jobs(monkeypatch, 3)
    assert gpus == [0, 1, 2]
    notice = Notice()
    monkeypatch.setattr(claiming.time, "sleep", lambda seconds: setattr(notice, "received", signal.SIGTERM))
    with pytest.raises(Interrupted, match="shard 1 stopped by SIGTERM before it had a GPU"):
        claim(CUDA, "reconstruct: shard 1", notice)
    assert capsys.readouterr().out.count("waits for a GPU") == 1
    for descriptor in held:
        os.close(descriptor)


def test_a_lock_that_leads_elsewhere_is_refused(gpus, tmp_path):
    (tmp_path / f"reconstruction-{os.getuid()}-GPU-0.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="set TMPDIR to a folder of your own"):
        claim(CUDA, "train")
    assert not (tmp_path / "elsewhere").exists()
