"""Grids make the experiments that one would write out, by names that tell them apart."""

import itertools
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from reconstruction.configuration import parsing
from reconstruction.configuration.differences import differences
from reconstruction.errors import UserError

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
RATE = "sweeps.demo.restarts.subspace.learning_rate"


def loaded(grid, **more):
    return parsing.load({**DEFAULT, **more, "grid": grid})


def names(configuration):
    return [tuple(experiment.names.values()) for experiment in configuration.experiments]


def test_every_choice_of_values_is_an_experiment_of_those_that_use_what_varies():
    found = loaded({RATE: [0.01, 0.03, 0.1], "models.mlp500.seed": [0, 1]})
    models, sweeps = ("mlp500", "mlp500-seed1"), ("demo-learning_rate0.01", "demo", "demo-learning_rate0.1")
    assert names(found) == [
        ("faces", "decay500", "exact"),
        *itertools.product(["faces"], models, sweeps),
    ]
    assert [found.models[name].seed for name in models] == [0, 1]
    assert [found.sweeps[name].restarts.subspace.learning_rate for name in sweeps] == [0.01, 0.03, 0.1]
    assert found.sweeps["demo"] == parsing.load(DEFAULT).sweeps["demo"]


SEEDS = st.lists(st.integers(0, 5), min_size=1, max_size=4)
RATES = st.lists(st.sampled_from([1, 1.0, 0.03, 1e-7, 3e22]), min_size=1, max_size=4)
LAYERS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=3)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(SEEDS, RATES, LAYERS)
def test_a_grid_is_what_one_would_write_out(seeds, rates, layers):
    found = loaded({"models.mlp500.seed": seeds, RATE: rates, "models.mlp500.hidden": layers})
    made = [(found.models[it.model], found.sweeps[it.sweep]) for it in found.experiments if it.model != "decay500"]
    assert len(set(map(str, made))) == len(made) == len(set(seeds)) * len(set(rates)) * len(set(map(tuple, layers)))
    got = {(tuple(model.hidden), model.seed, sweep.restarts.subspace.learning_rate) for model, sweep in made}
    assert got == set(itertools.product(map(tuple, layers), seeds, rates))
    again = json.loads(found.to_json())
    assert again.pop("grid") == {}
    assert parsing.load(again) == found


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("models.mlp500.seed", 7, "mlp500-seed7"),
        ("models.mlp500.hidden", [40, 30], "mlp500-hidden40-30"),
        ("models.mlp500.biases", "every-layer", "mlp500-biases-every-layer"),
        ("models.mlp500.training.target_loss", 1e-5, "mlp500-target_loss1e-5"),
        ("models.mlp500.training", {"steps": 9, "target_loss": 1e-10}, "mlp500-training-steps9"),
        ("models.mlp500.training.schedule", {"kind": "constant"}, "mlp500-schedule-kind-constant-learning_rate0.01"),
        ("sweeps.demo.shards", 3, "demo-shards3"),
        (RATE, {"log-uniform": [1.0e-3, 1]}, "demo-learning_rate-log-uniform0.001-1"),
        ("datasets.faces.source", {"kind": "file", "path": "a/b c.npz"}, "faces-source-kind-file-path-a-b-c-npz"),
    ],
)
def test_a_name_says_what_differs(key, value, name):
    kind = key.partition(".")[0]
    assert name in getattr(loaded({key: [value]}), kind)


def test_equal_last_keys_are_told_apart_by_those_before():
    found = loaded({RATE: [0.1], "sweeps.demo.restarts.published.learning_rate": [0.2], "sweeps.demo.shards": [3]})
    assert "demo-published-learning_rate0.2-subspace-learning_rate0.1-shards3" in found.sweeps


def test_what_is_written_out_already_is_made_once():
    more = {"models": {**DEFAULT["models"], "mlp500-seed1": {**DEFAULT["models"]["mlp500"], "seed": 1}}}
    listed = [{"dataset": "faces", "model": name, "sweep": "demo"} for name in ("mlp500-seed1", "mlp500")]
    found = loaded({"models.mlp500.seed": [0, 1]}, **more, experiments=listed)
    assert names(found) == [("faces", "mlp500-seed1", "demo"), ("faces", "mlp500", "demo")]


def test_names_may_have_dots():
    more = {
        "models": {"v1": {}, "v1.seed": {}},
        "experiments": [{"dataset": "faces", "model": "v1.seed", "sweep": "demo"}],
    }
    assert names(loaded({"models.v1.seed.seed": [3]}, **more)) == [("faces", "v1.seed-seed3", "demo")]


@pytest.mark.parametrize("similarities", [[0.4, 0.6], [0.3, 0.4], [0.5]])
def test_sweeps_that_search_alike_share_shards_that_no_other_value_moves(similarities):
    found = loaded({"sweeps.demo.merge.similarity": similarities, "sweeps.demo.restarts.seed": [0, 1]})
    used = {it.sweep for it in found.experiments} - {"exact"}
    assert len(used) == 2 * len(similarities)
    assert {name: found.shards_of(name) for name in used} == {
        name: "demo-seed1" if name.endswith("seed1") else "demo" for name in used
    }


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"models.mlp500.sede": [1]}, "grid.models.mlp500.sede: there is no 'sede'; did you mean seed?"),
        ({"models.mlp500.seed.x": [1]}, "grid.models.mlp500.seed.x: there is no 'x'; there are none"),
        ({"models.none.seed": [1]}, "grid.models.none.seed: leads to no setting; begin with models.decay500"),
        ({"evaluation.pairs": [1]}, "grid.evaluation.pairs: leads to no setting; begin with datasets or "),
        ({"models.mlp500.seed": []}, "grid.models.mlp500.seed: list should have at least 1 item"),
        ({"models.mlp500.seed": 1}, "grid.models.mlp500.seed: input should be a valid list (it is 1)"),
        ({"models.mlp500.seed": [-1]}, "grid.models.mlp500.seed: input should be greater than or equal to 0 (it is"),
        ({RATE: ["fast"]}, f"grid.{RATE}: input should be a valid number, unable to parse string as a number (it is"),
        ({"datasets.faces.labels": [{"rule": "odd"}]}, "grid.datasets.faces.labels.rule is 'odd', which is none of"),
        ({"models.decay500.seed": [1], "models.x": [2]}, "grid.models.x: leads to no setting"),
        (
            {"datasets.faces.source": [{"kind": "file", "path": path} for path in ("a/b", "a-b")]},
            "grid.datasets.faces.source: two datasets that differ would be called faces-source-kind-file-path-a-b;",
        ),
        ({"datasets.faces.source": [{"kind": "file", "path": "a" * 99}]}, "grid.datasets.faces.source: faces-"),
        ({f"models.mlp500.{key}": [*range(1, 40)] for key in ("seed", "first_layer_scale")}, "grid: models.mlp500 "),
        ({"models.mlp500.seed": [*range(40)], "sweeps.demo.shards": [*range(1, 40)]}, "grid: experiments would "),
    ],
)  # fmt: skip
def test_a_mistake_is_named(grid, said):
    with pytest.raises(UserError) as caught:
        loaded(grid)
    sentence = str(caught.value)
    assert sentence.startswith(f"configuration: {said}")
    assert "\n" not in sentence


def test_experiments_differ_in_what_a_grid_varies_and_in_nothing_else():
    listed = [{"dataset": "faces", "model": "mlp500", "sweep": "demo"}]
    grid = {RATE: [0.1, {"log-uniform": [0.01, 0.1]}], "models.mlp500.hidden": [[4], [5]], "sweeps.demo.shards": [2]}
    rate, hidden = "sweep.restarts.subspace.learning_rate", "model.hidden"
    assert list(differences(loaded(grid, experiments=listed)).values()) == [
        {hidden: layers, rate: value} for layers in ("[4]", "[5]") for value in (0.1, '{"log-uniform": [0.01, 0.1]}')
    ]


def test_experiments_of_a_hand_differ_in_settings_that_several_have():
    by_name = dict(zip(("decay500", "mlp500"), differences(parsing.load(DEFAULT)).values(), strict=True))
    assert {of_one["model.training.weight_decay"] for of_one in by_name.values()} == {0, 1e-3}
    assert by_name["mlp500"].keys() == by_name["decay500"].keys()
    assert "sweep.restarts.seed" not in by_name["mlp500"]
