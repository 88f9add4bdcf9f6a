"""Folders in which the workflow runs on the cluster, on a budget of seconds, and what it does there."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fault_helpers import substitute

ROOT = Path(__file__).parents[2]
SWEEP = "faces/mlp500/demo"
SHARDS = 3
RECONSTRUCT = ["-m", "reconstruction", "reconstruct"]
SMALL = """
container: {image}
device: cpu
datasets:
  faces: {{per_label: 8}}
models:
  mlp500: {{hidden: [100, 100], training: {{target_loss: 1.0e-5}}}}
sweeps:
  demo: {{shards: {shards}, restarts: {{per_shard: 2, candidates: 32, subspace: {{iterations: 300}}}}}}
controls: {{scrambled_weights: false}}
experiments: [{{dataset: faces, model: mlp500, sweep: demo}}]
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of the workflow with a small configuration and the shipped SLURM profile, made to fit this machine."""

    folder: Path
    frozen: list[int] = field(default_factory=list)
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *options: str) -> subprocess.Popen:
        """Snakemake there, in a process group of its own; what it says goes to said.txt."""
        command = [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", *options]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with (self.folder / "said.txt").open("w") as said:
            run = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
            )  # fmt: skip
        self.started.append(run)
        return run

    def clear(self) -> None:
        """End what a failed test has left."""
        for run in self.started:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        cancel_all()

    def on_the_cluster(self, *options: str) -> subprocess.Popen:
        return self.start("--profile", "profiles/slurm", *options)

    def here(self) -> None:
        """Run what is left on this machine, outside a container."""
        self.finish(self.start("--cores", "1"))

    def finish(self, run: subprocess.Popen) -> None:
        assert run.wait(timeout=900) == 0, self.said()

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def table(self) -> bytes:
        return (self.folder / "results/table.csv").read_bytes()

    def job(self, shard: int) -> str:
        """SLURM's number of a shard's only job that runs."""
        listed = slurm("squeue", "--noheader", "--states", "RUNNING", "--format", "%i %k %Z").splitlines()
        mine = [line.split()[0] for line in listed if line.endswith(f"_{shard:04d} {self.folder}")]
        assert len(mine) == 1, listed
        return mine[0]

    def history(self, shard: int) -> list[dict[str, str]]:
        """What SLURM knows of all jobs that a shard has had, first to last."""
        logs = (self.folder / "logs/slurm/rule_reconstruct" / f"{SWEEP.replace('/', '_')}_{shard:04d}").glob("*.log")
        jobs = sorted(int(log.stem) for log in logs)
        shown = [slurm("scontrol", "show", "job", str(job)).split() for job in jobs]
        return [dict(part.split("=", 1) for part in words if "=" in part) for words in shown]

    def freeze(self, shards: set[int], run: subprocess.Popen) -> tuple[int, int]:
        """Wait until a new process computes one of the shards, stop it where it is; the shard and the process."""
        deadline = time.monotonic() + 600
        while run.poll() is None and time.monotonic() < deadline:
            for process in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
                with contextlib.suppress(OSError):
                    words = Path(f"/proc/{process}/cmdline").read_text(errors="replace").split("\0")
                    here = Path(f"/proc/{process}/cwd").readlink() == self.folder
                    found = [shard for shard in shards if f"{shard:04d}" in words]
                    if here and found and words[1:4] == RECONSTRUCT and process not in self.frozen:
                        os.kill(process, signal.SIGSTOP)
                        self.frozen.append(process)
                        return found[0], process
            time.sleep(0.1)
        raise AssertionError(f"shards {shards} never ran:\n{self.said()}")


def make(folder: Path, image: Path, memory: str = "1500 * attempt") -> Checkout:
    """memory: what a job asks for, in MB, as Snakemake evaluates it."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip, dirs_exist_ok=True)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "small.yaml").write_text(SMALL.format(image=image, shards=SHARDS))
    profile = folder / "profiles/slurm/config.yaml"
    for shipped, changed in {
        "slurm_partition: cpu": "slurm_partition: main",
        "slurm_partition: gpu": "slurm_partition: main",
        "8000 * attempt": memory,
        "status-checks: 30": "status-checks: 5",
    }.items():
        substitute(profile, shipped, changed)
    profile.write_text(f"{profile.read_text()}\nslurm-status-command: squeue\nslurm-keep-successful-logs: true\n")
    return Checkout(folder)


def slurm(*command: str) -> str:
    """What a command of SLURM's prints."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 0, f"{' '.join(command)}: {finished.stderr}"
    return finished.stdout


def cancel_all() -> None:
    slurm("scancel", "--user", "root")
    wait_until(lambda: not slurm("squeue", "--noheader"), 120)


def wait_until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.5)


def script(name: str, *arguments: str) -> str:
    """What one of the scripts here prints, in a machine that it may change."""
    debian = Path("/etc/debian_version")
    if os.geteuid() or not (debian.exists() and debian.read_text().startswith("12")):
        pytest.skip("SLURM and Apptainer are brought up as root on Debian 12 only")
    finished = subprocess.run(
        [ROOT / "tests/cluster" / name, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    assert finished.returncode == 0, f"{name} failed and has said why"
    return finished.stdout.strip()
