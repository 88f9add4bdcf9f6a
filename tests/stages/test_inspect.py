"""An audit without images: pictures, tables, an empty row, and a warning that cannot be missed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from reconstruction.__main__ import main
from reconstruction.configuration import Merge, Restarts
from reconstruction.evaluation.pixels import norms, of, of_representatives
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.evaluation.showing import Showing
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.report.inspection import draw
from reconstruction.report.verdict import WARNING
from reconstruction.stages import deduplicate, index, inspect, reconstruct, table
from reconstruction.tools.show import show
from science_helpers import generator, random_network
from torch import nn

ROOT = Path(__file__).parents[2]
SHAPE = (1, 4, 5)


def attacked(folder, mean, std=1.0):
    """A model, and candidates that the package's own stages find in it."""
    network = random_network(20, [6], seed=3)
    arrays = deployed.arrays(network, np.full(SHAPE, mean, np.float32), np.full((1, 1, 1), std, np.float32))
    store.write(folder / "model.h5", "model", arrays, settings_json="{}")
    sweep = Restarts(per_shard=2, candidates=6, method="subspace", subspace={"iterations": 30, "rank": 4})
    reconstruct.run(sweep, 0, folder / "model.h5", folder / "0.h5", torch.device("cpu"))
    deduplicate.run(Merge(similarity=0.99), folder / "model.h5", [folder / "0.h5"], folder / "candidates.h5")
    return deployed.read(folder / "model.h5"), store.read(folder / "candidates.h5", "candidates")


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspected")
    attacked(folder, 0.5)
    model, candidates = (f"--{name}={folder / name}.h5" for name in ("model", "candidates"))
    output = folder / "inspection.h5"
    naming = ["--experiment", "theirs/demo", "--count", "3"]
    assert main(["inspect", *naming, model, candidates, "--output", str(output)]) == 0
    assert main(["draw", candidates, "--inspection", str(output), "--figures", str(folder / "figures")]) == 0
    return folder


def test_the_representatives_are_listed_best_first(inspected):
    candidates = store.read(inspected / "candidates.h5", "candidates")
    listed = pd.read_csv(inspected / "figures/representatives.csv")
    assert listed.columns.tolist() == [
        *("rank", "support", "agreement", "spread", "lambda", "margin", "response", "score")
    ]
    assert listed["rank"].tolist() == list(range(1, len(candidates["representatives/score"]) + 1))
    assert listed["score"].is_monotonic_decreasing
    assert listed["score"].to_numpy() == pytest.approx(candidates["representatives/score"], rel=1e-5)


def test_each_restart_says_how_far_each_layer_fell(inspected):
    restarts = pd.read_csv(inspected / "figures/restarts.csv")
    candidates = store.read(inspected / "candidates.h5", "candidates")
    norms = deployed.read(inspected / "model.h5").network.squared_norms.numpy()
    assert len(restarts) == 2
    for layer in (1, 2):
        for moment, point in (("start", 0), ("end", -1)):
            expected = candidates["restarts/trace/residuals"][:, point, layer - 1] / norms[layer - 1]
            assert restarts[f"layer{layer}_{moment}"].to_numpy() == pytest.approx(expected, rel=1e-5)
    assert (inspected / "figures/representatives.png").stat().st_size > 1000
    assert (inspected / "figures/unexplained.png").stat().st_size > 1000


@pytest.mark.parametrize("rule", ["stretch", "clamp"])
def test_a_representative_is_shown_at_its_members_scale(tmp_path, rule):
    """One member: the picture is that candidate times std plus the mean image, shown by the rule."""
    model, candidates = attacked(tmp_path, 0.5, std=0.25)
    alone = np.flatnonzero(np.bincount(candidates["candidates/cluster"]) == 1)[0]
    member = candidates["candidates/coordinates"][candidates["candidates/cluster"] == alone][0] @ candidates["basis"]
    showing = Showing(model.mean, 1.0)
    expected = showing.by(rule, member.reshape(1, *SHAPE) * 0.25)[0]
    assert of_representatives(candidates, model, 99, rule, showing)[alone] == pytest.approx(expected, abs=1e-4)


def test_candidates_norms_are_those_of_their_pixels(tmp_path):
    model, candidates = attacked(tmp_path, 0.5, std=0.25)
    lengths = np.linalg.norm(candidates["candidates/coordinates"], axis=1) * 0.25
    assert norms(of(candidates, "candidates/coordinates", model)) == pytest.approx(lengths, rel=1e-4)


def test_the_table_leaves_empty_what_only_images_could_tell(inspected, tmp_path, capsys):
    row = {"dataset": "faces", "model": "m", "sweep": "s", **dict.fromkeys(COLUMNS, 3), "ncc_median": 0.5}
    texts = {"row": row, "controls": {"held_out": {"images": 3}}, "intervals": {"ncc_hits": {"value": 1}}}
    arrays = {name: np.array(json.dumps(values)) for name, values in texts.items()}
    facts = {"timings": [["train", "cpu", 1.0]]}
    store.write(tmp_path / "evaluation.h5", "evaluation", arrays, settings_json="{}", facts=facts)
    table.run([tmp_path / "evaluation.h5"], tmp_path, [inspected / "inspection.h5"])
    written = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False)
    assert written["dataset"].tolist() == ["faces", "no-images"]
    for name in ("n", "training_loss", "test_accuracy", "ncc_hits", "ncc_median", "ssim_best45", "precision_top_hits"):
        assert written.loc[1, name] == ""
    assert written.loc[0, "n"] == "3"  # a whole number beside an empty one
    assert written.loc[1, ["network", "restarts", "candidates"]].tolist() == ["20-6-1", "2", "12"]
    assert len(pd.read_csv(tmp_path / "timings.csv")) == 2
    show(tmp_path)
    assert capsys.readouterr().out.count(WARNING) == 1
    index.run([tmp_path / "evaluation.h5"], tmp_path / "index.html", [inspected / "inspection.h5"])
    assert (tmp_path / "index.html").read_text().count(WARNING) == 1


def test_inspections_alone_make_a_table(inspected, tmp_path):
    table.run([], tmp_path, [inspected / "inspection.h5"])
    assert pd.read_csv(tmp_path / "table.csv")["ncc_hits"].isna().all()
    assert pd.read_csv(tmp_path / "controls.csv").empty
    show(tmp_path)


def test_the_warning_is_printed_and_drawn(inspected, tmp_path, capsys):
    candidates = store.read(inspected / "candidates.h5", "candidates")
    figure = draw(np.zeros((3, *SHAPE), np.float32), candidates)
    assert figure.get_suptitle() == WARNING
    inspect.run(2, "theirs/demo", inspected / "model.h5", inspected / "candidates.h5", tmp_path / "i.h5")
    assert WARNING in capsys.readouterr().out
    caption = " ".join((ROOT / "workflow/report/representatives.rst").read_text().split())
    assert WARNING.partition("itself: ")[2] in caption


def test_a_public_file_of_images_sets_the_contrast(inspected, tmp_path, capsys):
    public = np.random.default_rng(0).random((9, *SHAPE[1:]), dtype=np.float32)
    np.savez(tmp_path / "public.npz", images=public)
    files = [f"--{name}={inspected / name}.h5" for name in ("model", "candidates")]
    command = ["inspect", "--experiment=t/d", "--count=3", *files, f"--output={tmp_path / 'i.h5'}"]
    assert main([*command, f"--public={tmp_path / 'public.npz'}"]) == 0
    shown = store.read(tmp_path / "i.h5", "inspection")["representatives/shown"]
    model, candidates = deployed.read(inspected / "model.h5"), store.read(inspected / "candidates.h5", "candidates")
    showing = Showing.among(public[:, None], model.mean)
    assert shown == pytest.approx(of_representatives(candidates, model, 3, "one-contrast", showing))
    assert np.abs(shown - store.read(inspected / "inspection.h5", "inspection")["representatives/shown"]).max() > 0.01
    np.savez(tmp_path / "public.npz", images=public[:, 1:])
    assert main([*command, f"--public={tmp_path / 'public.npz'}"]) == 1
    said = "public.npz: images have shape (1, 3, 5), and the model takes (1, 4, 5); give images of that shape"
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_workflow_audits_weights_without_and_with_images(tmp_path):
    """One model from outside, once alone and once with its auditor's images."""
    folder = tmp_path / "a checkout"
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    net = nn.Sequential(nn.Linear(625, 10), nn.ReLU(), nn.Linear(10, 1, bias=False))
    nn.init.normal_(net[0].weight, std=0.1, generator=generator(0))
    torch.save(net.state_dict(), folder / "theirs.pt")
    (folder / "overlay.yaml").write_text(
        "datasets: {faces: {per_label: 4}}\n"
        "models: {theirs: {weights: theirs.pt, input_shape: [1, 25, 25], mean: 0.5, std: 0.5}}\n"
        "sweeps: {demo: {shards: 1, restarts: {per_shard: 2, candidates: 8, method: subspace,"
        " subspace: {iterations: 5, rank: 6}}}}\n"
        "experiments: [{model: theirs, sweep: demo}, {dataset: faces, model: theirs, sweep: demo}]\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "overlay.yaml"]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    written = pd.read_csv(folder / "results/table.csv")
    assert written["dataset"].tolist() == ["faces", "no-images"]
    assert written["n"].isna().tolist() == [False, True]
    row = json.loads(str(store.read(folder / "results/faces/theirs/demo/evaluation.h5", "evaluation")["row"]))
    assert set(row) == {"dataset", "model", "sweep", *COLUMNS}
    assert list(row) == written.columns.tolist()
    assert pd.read_csv(folder / "results/timings.csv")["stage"].tolist() == ["adopt", "reconstruct", "reconstruct"]
    (folder / "theirs.pt").touch()
    again = subprocess.run([*command, "--dry-run"], cwd=folder, capture_output=True, text=True, check=False)
    assert not re.search(r"^train ", again.stdout, re.MULTILINE)
