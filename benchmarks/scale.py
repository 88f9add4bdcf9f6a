"""How far it goes: the workflow with a sweep of 10,000 restarts, and merging and evaluating up to a million candidates.

Candidates are made up as a search leaves them: a few near a training image, many near a ghost that restarts share, the
rest alone; 15 in 10,000 pairs are as similar as merging asks for, as in a search on CIFAR-10 (n = 500).
Every stage runs as a command in a process of its own, whose time and peak memory are read off.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from problems import CPU, machine, report
from reconstruction.attack.search.starts import NAMES
from reconstruction.configuration import Evaluation, Merge, Restarts
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.mlp import Network, initialise
from reconstruction.training import examination
from reconstruction.training.descent import Record

ROOT = Path(__file__).parents[1]
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
SHARDS, PER_SHARD = 313, 32
IMAGES, SHAPE, HIDDEN = 500, (3, 32, 32), [1000, 1000]
PER_RESTART, RANK = 1000, 250
REAL, SHARED, GHOSTS = 0.05, 0.6, 240  # shares of candidates near an image and near a ghost, and how many there are
NOISE = 0.7  # what else they show, as part of the norm

# In place of a rule's command: one that makes its files, and folders where the name has no suffix, and nothing else.
STAND_IN = """shell:
        "for made in {output:q}; do case $made in *.*) touch $made ;; *) mkdir -p $made ;; esac; done"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads (default: all)")
    parser.add_argument(
        "--candidates", type=int, nargs="*", default=[10_000, 100_000], metavar="N", help="(default: 10000 100000)"
    )
    parser.add_argument("--pixels", action="store_true", help="candidates of a search in 3,072 pixels, not in 250")
    parser.add_argument("--no-workflow", action="store_true", help="leave the workflow out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    with tempfile.TemporaryDirectory() as folder:
        if not options.no_workflow:
            workflow(Path(folder) / "workflow")
        for count in options.candidates:
            sweep(Path(folder) / str(count), count, None if options.pixels else RANK, options.threads)


def workflow(folder: Path) -> None:
    """Seconds of a dry run, and of a run with nothing to do, of SHARDS shards with PER_SHARD restarts each."""
    shutil.copytree(ROOT / "workflow", folder / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    for rules in (folder / "workflow/rules").glob("*.smk"):
        rules.write_text(re.sub(r"shell:\n( {8}.*\n)+", lambda _: STAND_IN, rules.read_text()))
    sweep = f"sweeps: {{demo: {{shards: {SHARDS}, restarts: {{per_shard: {PER_SHARD}}}}}}}"
    (folder / "big.yaml").write_text(sweep)
    for name, *arguments in (("dry_run", "--dry-run"), ("all_jobs_standing_in",), ("nothing_to_do",)):
        command = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "all", "--configfile", "big.yaml"]
        _, spent, busy, peak = measured(command, folder)
        report(f"workflow_{SHARDS * PER_SHARD}_restarts_{name}_seconds", spent)
        report(f"workflow_{SHARDS * PER_SHARD}_restarts_{name}_cpu_seconds", busy)
        report(f"workflow_{SHARDS * PER_SHARD}_restarts_{name}_peak_mib", peak / 2**20)


def sweep(folder: Path, count: int, rank: int | None, threads: int) -> None:
    """Seconds and peak memory of `deduplicate` and `evaluate`, of so many candidates."""
    folder.mkdir()
    training = make_model(folder)
    shards = make_shards(folder, training, count, rank)
    name = f"{count}_candidates_of_{rank or 3072}"
    report(f"{name}_shards_mib", sum(path.stat().st_size for path in shards) / 2**20)
    stage = [sys.executable, "-m", "reconstruction"]
    common = ["--model", "model.h5", "--threads", str(threads)]
    for stage_name, arguments in (
        ("deduplicate", ["--settings", Merge().to_json(), "--shards", *map(str, shards), "--output", "candidates.h5"]),
        (
            "evaluate",
            [
                *("--settings", Evaluation().to_json(), "--experiment", "a/b/c", "--subset", "subset.h5"),
                *("--training", "training.h5", "--candidates", "candidates.h5", "--output", "evaluation.h5"),
            ],
        ),
    ):
        said, spent, busy, peak = measured([*stage, stage_name, *common, *arguments], folder)
        print(f"# {said.splitlines()[-1]}")
        report(f"{name}_{stage_name}_seconds", spent)
        report(f"{name}_{stage_name}_cpu_seconds", busy)
        report(f"{name}_{stage_name}_peak_mib", peak / 2**20)
    report(f"{name}_candidates_file_mib", (folder / "candidates.h5").stat().st_size / 2**20)
    shutil.rmtree(folder)


def measured(command: list[str], folder: Path) -> tuple[str, float, float, int]:
    """What a command printed, its seconds, those of all processors together, and its peak memory in bytes."""
    own = folder if (folder / "workflow").exists() else ROOT
    environment = {**os.environ, "PYTHONPATH": str(own / "workflow")}
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, text=True, env=environment, **PIPES)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{said}\n{command[3]} ended with {process.returncode}")
    return said, time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss


def smooth_images(count: int, generator: np.random.Generator) -> np.ndarray:
    """Images (count, C, H, W) in [0, 1] whose power falls with the square of the frequency, as photographs' does."""
    _, height, width = SHAPE
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) + 1 / height
    noise = generator.standard_normal((count, 1, height, width)) + 0.3 * generator.standard_normal((count, *SHAPE))
    images = np.fft.ifft2(np.fft.fft2(noise) / frequency).real
    images = (images - images.mean()) / images.std()
    return np.clip(0.5 + 0.25 * images, 0, 1).astype(np.float32)


def make_model(folder: Path) -> torch.Tensor:
    """Write subset.h5, model.h5 and training.h5; the training inputs (n, D)."""
    generator = np.random.default_rng(0)
    labels = np.where(np.arange(IMAGES) % 2, 1, -1).astype(np.int8)
    images = {name: smooth_images(IMAGES, generator) for name in examination.PARTS}
    mean = images["training"].mean(0)
    arrays = {"mean": mean}
    for name, part in images.items():
        arrays |= {f"{name}/images": part, f"{name}/labels": labels, f"{name}/source_index": np.arange(IMAGES)}
    store.write(folder / "subset.h5", "subset", arrays, settings_json="{}")
    subset = store.read(folder / "subset.h5", "subset")
    inputs = deployed.normalise(images["training"], mean)
    network = initialise(inputs.shape[1], HIDDEN, 1e-4, torch.Generator().manual_seed(0))
    first = torch.randn(HIDDEN[0], IMAGES, generator=torch.Generator().manual_seed(1)).double() @ inputs.double() / 100
    network = Network((network.weights[0] + first, *network.weights[1:]), network.bias)
    sources = {"subset": subset}
    store.write(folder / "model.h5", "model", deployed.arrays(network, mean), settings_json="{}", sources=sources)
    sources["model"] = store.read(folder / "model.h5", "model")
    arrays = examination.examine(network, examination.parts(subset, mean), [Record(0, 0.0, 0.0, 0.0, 1.0)])
    store.write(
        folder / "training.h5", "training", arrays, settings_json="{}", sources=sources,
        facts={"device": "cpu", "seconds": 0.0},
    )  # fmt: skip
    return inputs


def make_shards(folder: Path, training: torch.Tensor, count: int, rank: int | None) -> list[Path]:
    """Write shards of PER_SHARD restarts, PER_RESTART candidates each, `count` in all; their paths."""
    model = store.read(folder / "model.h5", "model")
    _, _, right = torch.linalg.svd(training, full_matrices=False)
    basis = right[:RANK]
    images = (training @ basis.T).numpy()
    spread = images.std(0)
    restarts = range(count // PER_RESTART)
    paths = []
    for number, numbers in enumerate(np.array_split(restarts, -(-len(restarts) // PER_SHARD))):
        candidates = np.stack([made_up(images, spread, restart) for restart in numbers])
        arrays = {
            "restart": numbers,
            **{f"hyperparameters/{name}": np.linspace(0.1, 1, len(numbers)) for name in NAMES},
            "candidates": candidates if rank else candidates @ basis.numpy(),
            "lambdas": np.ones((len(numbers), PER_RESTART), np.float32),
            "labels": np.repeat(np.array([-1, 1], np.int8), PER_RESTART // 2),
            "diverged": np.zeros(len(numbers), bool),
            "trace/iterations": np.arange(101),
            "trace/residuals": np.ones((len(numbers), 101, len(HIDDEN) + 1), np.float32),
        }
        if rank:
            arrays["basis"] = basis.numpy()
        paths.append(folder / f"shards/{number:04}.h5")
        store.write(
            paths[-1], "shard", arrays, settings_json=Restarts(candidates=PER_RESTART).to_json(),
            facts={"method": "subspace" if rank else "published", "seconds": 0.0, "device": "cpu"},
            sources={"model": model},
        )  # fmt: skip
    return paths


def made_up(images: np.ndarray, spread: np.ndarray, restart: int) -> np.ndarray:
    """One restart's candidates (PER_RESTART, r), of training images (n, r)."""
    shape = (GHOSTS, images.shape[1])
    ghosts = np.random.default_rng(0).standard_normal(shape, dtype=np.float32) * spread
    generator = np.random.default_rng([0, restart])
    candidates = generator.standard_normal((PER_RESTART, images.shape[1]), dtype=np.float32) * spread
    for shown, first, last in ((images, 0, REAL), (ghosts, REAL, REAL + SHARED)):
        chosen = slice(int(first * PER_RESTART), int(last * PER_RESTART))
        count = chosen.stop - chosen.start
        candidates[chosen] = shown[generator.integers(len(shown), size=count)] + NOISE * candidates[chosen]
    return generator.permutation(candidates)


if __name__ == "__main__":
    main()
