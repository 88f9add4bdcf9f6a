"""The embedded default as shipped, stage by stage: what README.md promises of it."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from reconstruction.configuration import parsing
from reconstruction.files import store
from reconstruction.stages import deduplicate, evaluate, reconstruct, scramble, subset, train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def answer(tmp_path):
    """The row and the controls of an experiment of the demo, and the method that searched its scrambled weights."""
    configuration, cpu = parsing.load(yaml.safe_load((ROOT / "config.yaml").read_text())), torch.device("cpu")

    def run(name, sweep_name):
        sweep = configuration.sweeps[sweep_name]
        drawn, model, training = (tmp_path / f"{name}.h5" for name in ("subset", "model", "training"))
        subset.run(configuration.datasets["faces"], drawn)
        train.run(configuration.models[name], drawn, model, training, cpu)
        shards = [tmp_path / f"{shard}.h5" for shard in range(sweep.shards)]
        for shard, path in enumerate(shards):
            reconstruct.run(sweep.restarts, shard, model, path, cpu)
        candidates, evaluation = tmp_path / "candidates.h5", tmp_path / "evaluation.h5"
        deduplicate.run(sweep.merge, model, shards, candidates)

        disordered, shard, found = (tmp_path / f"disordered-{name}.h5" for name in ("model", "shard", "candidates"))
        scramble.run(0, model, disordered)
        reconstruct.run(sweep.restarts, 0, disordered, shard, cpu)
        deduplicate.run(sweep.merge, disordered, [shard], found)
        evaluate.run(
            configuration.evaluation, f"faces/{name}/{sweep_name}", drawn, model, training, candidates, evaluation,
            [("scrambled_weights", disordered, found)],
        )  # fmt: skip
        stored = store.read(evaluation, "evaluation")
        row, controls = (json.loads(str(stored[name])) for name in ("row", "controls"))
        return row, controls, store.read(found, "candidates").facts["method"]

    return run


@pytest.mark.slow
def test_the_demo_reads_the_enrolled_faces_back_and_scrambled_weights_do_not(answer):
    row, controls, _ = answer("mlp500", "demo")
    assert row["n"] == 50
    assert row["ncc_hits_over_held_out"] >= 36
    assert row["ncc_hits"] >= 28
    assert row["ncc_held_out_hits"] <= 5
    assert row["membership_by"] == "lambda"
    assert row["membership_tpr"] >= 0.6
    assert controls["scrambled_weights"]["ncc_hits"] <= 3
    assert controls["scrambled"]["ncc_hits"] <= 2


@pytest.mark.slow
def test_under_weight_decay_it_reads_them_exactly(answer):
    row, controls, of_scrambled = answer("decay500", "exact")
    assert row["method"] == "exact"
    assert row["recognisable_images"] >= 40
    assert row["exact_images"] >= 20
    assert row["reconstructed_images"] >= 40
    assert (row["membership_by"], row["condition"]) == ("closure", "holds")
    assert row["membership_tpr"] >= 0.8
    assert row["recognisable_held_out_images"] == 0
    assert of_scrambled == "subspace"  # for no start ends in a gate pattern there
    assert controls["scrambled_weights"]["ncc_hits"] <= 5
    assert controls["held_out"]["ncc_hits"] <= 5
