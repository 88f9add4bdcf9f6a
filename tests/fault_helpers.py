"""What the tests of faults share: every stage as a command on tiny files, damage, and a checkout to run in."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from reconstruction.__main__ import main
from reconstruction.files import store

ROOT = Path(__file__).parents[1]
DATASET = "{source: {kind: faces}, labels: {rule: alternating}, per_label: 4}"
MODEL = "{hidden: [20, 20], training: {target_loss: 1.0e-3}}"
RESTARTS = "{per_shard: 1, candidates: 8, subspace: {iterations: 20}}"

# The inputs and the outputs of each stage, by the names of its options.
STAGES = {
    "subset": ((), ("output subset.h5",)),
    "train": (("subset subset.h5",), ("model model.h5", "training training.h5")),
    "adopt": (("weights model.h5", "subset subset.h5"), ("model adopted.h5", "training adopted-training.h5")),
    "reconstruct": (("model model.h5",), ("output 0000.h5",)),
    "deduplicate": (("model model.h5", "shards 0000.h5"), ("output candidates.h5",)),
    "evaluate": (
        ("subset subset.h5", "model model.h5", "training training.h5", "candidates candidates.h5"),
        ("output evaluation.h5",),
    ),
    "inspect": (("model model.h5", "candidates candidates.h5"), ("output inspection.h5",)),
    "draw": (
        ("subset subset.h5", "training training.h5", "candidates candidates.h5", "evaluation evaluation.h5"),
        ("figures figures",),
    ),
    "membership": (("model model.h5", "pool pool.npz"), ("output membership.csv",)),
    "table": (("evaluations evaluation.h5", "inspections inspection.h5"), ("folder tables",)),
    "index": (("evaluations evaluation.h5", "inspections inspection.h5"), ("output index.html",)),
}
SETTINGS = {"subset": DATASET, "train": MODEL, "adopt": "{}", "reconstruct": RESTARTS, "deduplicate": "{}"}
OTHER_OPTIONS = {
    "reconstruct": ["--shard", "0", "--device", "cpu"],
    "evaluate": ["--settings", "{}", "--experiment", "faces/small/demo"],
    "inspect": ["--experiment", "small/demo"],
    "train": ["--device", "cpu"],
}


def run_stage(name, inputs, outputs, settings=None):
    """Run a stage in this process, from files in one folder to files in another; its exit status."""
    arguments = [name, *OTHER_OPTIONS.get(name, [])]
    if name in SETTINGS:
        arguments += ["--settings", settings or SETTINGS[name]]
    for folder, options in zip((inputs, outputs), STAGES[name], strict=True):
        for option, file in map(str.split, options):
            arguments += [f"--{option}", str(folder / file)]
    return main(arguments)


def run_all(folder):
    """Every stage's files, in one folder."""
    for name in STAGES:
        if name == "membership":
            drawn = store.read(folder / "subset.h5", "subset")
            np.savez(
                folder / "pool.npz",
                images=drawn["training/images"][:, 0],
                labels=drawn["training/labels"],
                member=np.arange(8) < 4,
            )
        assert run_stage(name, folder, folder) == 0
    return folder


def the_error(capsys):
    """The one sentence that a stage has refused with."""
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def damage(path, how):
    whole = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "flipped":
        whole[len(whole) // 2] ^= 4
        path.write_bytes(whole)
    elif how == "foreign":
        with h5py.File(path, "w") as file:
            file["images"] = np.ones(3)
    elif how == "version":
        with h5py.File(path, "r+") as file:
            file.attrs["format_version"] = 99
        path.write_bytes(store.seal(memoryview(bytearray(path.read_bytes()))))


# A checkout, in which Snakemake runs ---------------------------------------------------------------------

TINY = """
device: cpu
datasets:
  faces: {per_label: 4}
models:
  mlp500: {hidden: [40, 40], training: {target_loss: 1.0e-3}}
sweeps:
  demo: {shards: 3, restarts: {per_shard: 2, candidates: 16, subspace: {iterations: ITERATIONS}}}
controls: {scrambled_weights: false}
experiments: [{dataset: faces, model: mlp500, sweep: demo}]
"""
SHARDS = "results/faces/mlp500/demo/shards"
TABLES = ("table.csv", "controls.csv")


def check_out(folder, iterations=20, checkpoint_seconds=60):
    """A copy of the checkout with a tiny configuration; how long a shard takes follows from its iterations."""
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "tiny.yaml").write_text(TINY.replace("ITERATIONS", str(iterations)))
    substitute(
        folder / "workflow/rules/reconstruct.smk", "--shard ", f"--checkpoint-seconds {checkpoint_seconds} --shard "
    )
    substitute(folder / "workflow/reconstruction/shards/saving.py", "LARGEST_SHARE = 0.05", "LARGEST_SHARE = 1")
    return folder


def substitute(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def start_snakemake(folder, *options, output=subprocess.PIPE, environment=None):
    """Start Snakemake in a session of its own."""
    command = [sys.executable, "-m", "snakemake", *options, "--cores", "2", "--configfile", "tiny.yaml"]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def snakemake(folder, *options):
    """Run Snakemake to its end: its exit status and all that it said."""
    process = start_snakemake(folder, *options)
    said, _ = process.communicate(timeout=600)
    return process.returncode, said


def tables(folder):
    return [(folder / "results" / name).read_bytes() for name in TABLES]


def undisturbed_tables(folder, iterations):
    """The tables of a run, in a checkout made there, that nothing disturbed."""
    check_out(folder, iterations)
    status, said = snakemake(folder)
    assert status == 0, said
    return tables(folder)
