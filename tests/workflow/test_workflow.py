"""The workflow as a user runs it, on a budget of seconds: what runs, what runs again, what is refused."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reconstruction.files import store

ROOT = Path(__file__).parents[2]
SCORED = {"evaluate": 1, "draw": 1, "page": 1, "table": 1, "index": 1}
TINY = """
datasets:
  faces: {per_label: 4}
models:
  mlp500: {hidden: [40, 40], training: {target_loss: 1.0e-3}}
sweeps:
  demo: {shards: 1, restarts: {per_shard: 2, candidates: 16, subspace: {iterations: 20}}}
controls: {scrambled_weights: false}
experiments: [{dataset: faces, model: mlp500, sweep: demo}]
"""
SHARDS = "results/faces/mlp500/demo/shards"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the checkout in which the workflow has run once."""
    folder = tmp_path_factory.mktemp("checkout with a space")
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "tiny.yaml").write_text(TINY)
    finished = snakemake(folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def snakemake(folder, *options, overlay=""):
    """Run Snakemake there on the tiny configuration, with an overlay of YAML text on top."""
    (folder / "overlay.yaml").write_text(overlay or "{}")
    command = [sys.executable, "-m", "snakemake", *options, "--cores", "2", "--configfile", "tiny.yaml", "overlay.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def planned(folder, overlay="", *options):
    """What a dry run would run: rule -> number of jobs."""
    finished = snakemake(folder, "--dry-run", *options, overlay=overlay)
    assert finished.returncode == 0, finished.stderr
    jobs = dict(re.findall(r"^([a-z]+) +(\d+)$", finished.stdout, re.MULTILINE))
    return {rule: int(count) for rule, count in jobs.items() if rule not in ("total", "all")}


def test_a_run_makes_the_table_and_a_second_one_has_nothing_to_do(checkout):
    table = pd.read_csv(checkout / "results/table.csv")
    assert table.loc[0, ["dataset", "model", "sweep", "n", "restarts"]].tolist() == ["faces", "mlp500", "demo", 8, 2]
    assert "Nothing to be done" in snakemake(checkout).stderr
    assert planned(checkout) == {}


def test_drawing_anew_matches_nothing_anew(checkout):
    assert planned(checkout, "", "--forcerun", "draw") == {"draw": 1, "index": 1}


def test_adding_shards_runs_only_the_new_ones(checkout):
    overlay = "sweeps: {demo: {shards: 3}}"
    assert planned(checkout, overlay) == {"reconstruct": 2, "deduplicate": 1, **SCORED}
    finished = snakemake(checkout, "--dry-run", overlay=overlay)
    assert f"{SHARDS}/0002.h5" in finished.stdout
    assert f"output: {SHARDS}/0000.h5" not in finished.stdout


@pytest.mark.parametrize("change", ["ssim_threshold: 0.5", "false_positive_rate: 0.02"])
def test_another_threshold_runs_only_evaluation_and_table(checkout, change):
    assert planned(checkout, f"evaluation: {{{change}}}") == SCORED


def test_another_training_seed_runs_training_and_what_follows(checkout):
    expected = {"train": 1, "reconstruct": 1, "deduplicate": 1, **SCORED}
    assert planned(checkout, "models: {mlp500: {seed: 1}}") == expected


def test_another_merge_leaves_the_shards_alone(checkout):
    expected = {"deduplicate": 1, **SCORED}
    assert planned(checkout, "sweeps: {demo: {merge: {similarity: 0.6}}}") == expected


def test_a_grid_of_merges_searches_nothing_anew(checkout):
    grid = "grid: {sweeps.demo.merge.similarity: [0.5, 0.6, 0.7]}"
    expected = {"deduplicate": 2, "evaluate": 2, "draw": 2, "page": 2, "table": 1, "index": 1}
    assert planned(checkout, grid) == expected


def test_pruned_shards_are_not_wanted_back(checkout, tmp_path):
    folder = tmp_path / "pruned"
    shutil.copytree(checkout, folder)
    sweep = folder / "results/faces/mlp500/demo"
    prune = [sys.executable, "-m", "reconstruction", "prune", str(sweep)]
    pruned = subprocess.run(prune, cwd=folder, capture_output=True, text=True, timeout=300, check=True)
    assert "prune: removed 1 shards" in pruned.stdout
    assert list((sweep / "shards").glob("*.h5")) == []
    assert "Nothing to be done" in snakemake(folder).stderr

    changed = "evaluation: {ssim_threshold: 0.5}"
    assert planned(folder, changed) == SCORED
    finished = snakemake(folder, overlay=changed)
    assert finished.returncode == 0, finished.stderr
    assert list((sweep / "shards").glob("*.h5")) == []
    assert "Nothing to be done" in snakemake(folder, overlay=changed).stderr
    more = f"{changed}\nsweeps: {{demo: {{shards: 2}}}}"
    assert planned(folder, more) == {"reconstruct": 2, "deduplicate": 1, **SCORED}


def test_a_second_sweep_shares_the_model(checkout):
    overlay = (
        "sweeps: {more: {restarts: {candidates: 16}}}\n"
        "experiments: [{dataset: faces, model: mlp500, sweep: demo}, {dataset: faces, model: mlp500, sweep: more}]"
    )
    assert planned(checkout, overlay) == {"reconstruct": 1, "deduplicate": 1, **SCORED}


def test_controls_are_searched_as_the_model_is(checkout, tmp_path):
    scrambled = {"scramble": 1, "reconstruct": 1, "deduplicate": 1, **SCORED}
    assert planned(checkout, "controls: {scrambled_weights: true}") == scrambled
    networks = {"subset": 2, "train": 2, "reconstruct": 2, "deduplicate": 2, **SCORED}
    assert planned(checkout, "controls: {networks: 2}") == networks
    folder = tmp_path / "controlled"
    shutil.copytree(checkout, folder)
    overlay = "datasets: {faces: {held_out_per_label: 6}}\ncontrols: {scrambled_weights: true, networks: 1}"
    finished = snakemake(folder, overlay=overlay)
    assert finished.returncode == 0, finished.stderr
    answers = pd.read_csv(folder / "results/controls.csv").set_index("answer")
    assert {"scrambled_weights", "other_images_1", "model_inversion", "first_layer_weights"} <= set(answers.index)
    assert answers["images"].to_dict() == {answer: 12 if answer == "held_out" else 8 for answer in answers.index}
    assert pd.read_csv(folder / "results/table.csv")["calibrated_hits"].notna().all()
    subsets = [store.read(folder / f"results/{name}/subset.h5", "subset") for name in ("faces", "faces~1")]
    parts = [subset[f"{part}/source_index"] for subset in subsets for part in ("training", "held_out")]
    assert [len(part) for part in parts] == [8, 12, 8, 8]
    assert len(np.unique(np.concatenate(parts))) == 36


def test_the_attack_runs_without_the_subset_and_the_diagnostics(checkout, tmp_path):
    folder = tmp_path / "attack"
    shutil.copytree(checkout, folder)
    for name in ("subset.h5", "mlp500/training.h5"):
        (folder / "results/faces" / name).unlink()
    shutil.rmtree(folder / SHARDS)
    target = "results/faces/mlp500/demo/candidates.h5"
    before = (folder / target).read_bytes()
    (folder / target).unlink()
    finished = snakemake(folder, target, "--allowed-rules", "reconstruct", "deduplicate")
    assert finished.returncode == 0, finished.stderr
    assert (folder / f"{SHARDS}/0000.h5").exists()
    assert not (folder / "results/faces/subset.h5").exists()
    assert len((folder / target).read_bytes()) == pytest.approx(len(before), rel=0.01)


@pytest.mark.parametrize(
    ("overlay", "key"),
    [
        ("datasets: {faces: {per_lable: 4}}", "per_lable"),
        ("sweeps: {demo: {restarts: {candidates: 1}}}", "candidates"),
        ("experiments: [{dataset: faces, model: none, sweep: demo}]", "none"),
        ("sweeps: {'../up': {restarts: {candidates: 4}}}", "sweeps"),
    ],
)
def test_a_broken_configuration_is_refused_in_one_sentence(checkout, overlay, key):
    finished = snakemake(checkout, "--dry-run", overlay=overlay)
    assert finished.returncode != 0
    said = finished.stdout + finished.stderr
    sentences = [line for line in said.splitlines() if line.startswith("configuration: ")]
    assert len(sentences) == 1
    assert key in sentences[0]
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("target", "overlay", "sentence"),
    [
        ("results/nosuch/subset.h5", "", "results/nosuch/subset.h5: no dataset is called 'nosuch'; there are faces"),
        ("results/table.csv", "device: cpu\ndevice: auto", "overlay.yaml: line 2: the key 'device' is there twice"),
    ],
)
def test_a_misspelt_target_and_a_key_given_twice_are_refused(checkout, target, overlay, sentence):
    finished = snakemake(checkout, target, "--dry-run", overlay=overlay)
    assert finished.returncode == 1
    said = finished.stdout + finished.stderr
    assert sentence in said
    assert "Traceback" not in said


def test_a_gpu_is_asked_for_whatever_the_command_line_puts_in_place_of_the_profile(checkout):
    """Without Apptainer, which is laid over for a dry run."""
    options = [
        "--profile",
        "profiles/slurm",
        "--sdm",
        "env-modules",
        "--set-resources",
        "reconstruct:slurm_partition=a",
    ]
    finished = snakemake(checkout, "--dry-run", "--forceall", *options)
    assert finished.returncode == 0, finished.stderr
    resources = dict(re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", finished.stdout, re.MULTILINE))
    assert {rule for rule, asked in resources.items() if "gpu=1" in asked} == {"train", "reconstruct"}
    assert "slurm_partition=a," in resources["reconstruct"]
    assert "mem_mb=8000" in resources["reconstruct"]


def test_a_stage_that_fails_says_why(checkout):
    overlay = "datasets: {faces: {per_label: 26}}"
    finished = snakemake(checkout, "results/faces/subset.h5", overlay=overlay)
    assert finished.returncode != 0
    assert "set per_label to at most 25" in finished.stdout + finished.stderr
    restored = snakemake(checkout)
    assert restored.returncode == 0, restored.stderr
