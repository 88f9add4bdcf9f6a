"""Every mistake in the configuration is answered with one sentence that names the key."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.configuration import Dataset, Model, Restarts, Sweep, parsing
from reconstruction.errors import UserError

ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def laid_over(base, overlay):
    """What Snakemake makes of a --configfile on top of another."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return {**base, **{key: laid_over(base.get(key), value) for key, value in overlay.items()}}


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_the_presets_load(path):
    preset = yaml.safe_load(path.read_text())
    loaded = parsing.load(laid_over(DEFAULT, preset))
    networks = {key.split(".")[1]: len(values) for key, values in preset.get("grid", {}).items()}
    expected = [networks.get(listed["model"], 1) for listed in preset["experiments"]]
    assert len(loaded.experiments) == sum(expected)


def test_the_schema_is_in_step():
    assert (ROOT / "workflow/schemas/configuration.schema.json").read_text() == parsing.schema()


@pytest.mark.parametrize(
    ("overlay", "key", "advice"),
    [
        ("datasets: {faces: {per_lable: 4}}", "datasets.faces.per_lable", "did you mean per_label?"),
        ("colour: red", "colour", "remove it"),
        ("datasets: {faces: {per_label: many}}", "datasets.faces.per_label", "'many'"),
        ("datasets: {faces: {per_label: 0}}", "datasets.faces.per_label", "greater than or equal to 1"),
        ("datasets: {faces: {per_label: [4, 0]}}", "datasets.faces.per_label.1", "greater than or equal to 1"),
        (
            "datasets: {faces: {per_label: [4, 4, 4]}}",
            "datasets.faces",
            "has 3 numbers for the labels -1 and +1; give two",
        ),
        ("datasets: {faces: {skip: [4]}}", "datasets.faces.skip", "at least 2"),
        ("datasets: {faces: {skip: all}}", "datasets.faces.skip", "integer"),
        (
            "datasets: {faces: {labels: {rule: all}, per_label: [4, 4, 4], skip: [1, 1]}}",
            "datasets.faces",
            "per_label and skip have different numbers of labels",
        ),
        ("datasets: {faces: {per_label: all}}", "datasets.faces", "add held_out_per_label or source.held_out_path"),
        (
            "{datasets: {faces: {per_label: all, held_out_per_label: 9}}, controls: {networks: 1}}",
            "experiments",
            "'faces' takes all images, and controls.networks need further ones",
        ),
        (
            "datasets: {faces: {source: {kind: folder, path: a, resize: {size: [4, 4], filter: cubic}}}}",
            "datasets.faces.source.resize.filter",
            "'bicubic'",
        ),
        (
            "datasets: {faces: {source: {kind: folder, path: a, resize: {size: 4}}}}",
            "datasets.faces.source.resize.size",
            "list",
        ),
        (
            "datasets: {faces: {source: {kind: file, path: a, resize: {size: [4, 4]}}}}",
            "datasets.faces.source.resize",
            "no known key",
        ),
        ("datasets: {faces: {source: {kind: file}}}", "datasets.faces.source.path", "add it"),
        ("datasets: {faces: {source: {kind: jpeg}}}", "datasets.faces.source.kind", "'faces'"),
        ("datasets: {faces: {labels: {rule: odd}}}", "datasets.faces.labels.rule", "'alternating'"),
        (
            "datasets: {faces: {labels: {rule: classes, negative: [0, 1], positive: [1]}}}",
            "datasets.faces.labels",
            "class 1 is on both sides",
        ),
        (
            "datasets: {faces: {labels: {rule: classes, negative: [ship], positive: [cat, ship]}}}",
            "datasets.faces.labels",
            "class ship is on both sides",
        ),
        (
            "datasets: {faces: {labels: {rule: classes, negative: [no], positive: [cat]}}}",
            "datasets.faces.labels.negative.0",
            "in quotes where YAML reads it as something else (it is False)",
        ),
        ("models: {mlp500: {seed: true}}", "models.mlp500.seed", "give a number, not yes or no"),
        ("models: {model.h5: {hidden: [4]}}", "models", "would be taken for a file"),
        (
            "sweeps: {demo: {restarts: {subspace: {layer_weights: [0, 0, 0]}}}}",
            "sweeps.demo.restarts.subspace.layer_weights",
            "nothing to explain",
        ),
        ("models: {theirs: {weights: a.pt, input_shape: [1, 5, 5], std: 1.0e-46}}", "models.theirs.std", "0.000001"),
        ("models: {theirs: {weights: a.pt, input_shape: [5, 5]}}", "models.theirs", "[C, H, W], or as [D] of vectors"),
        ("models: {theirs: {weights: a.pt, input_shape: [5], std: [1, 2]}}", "models.theirs", "2 numbers for 5 coord"),
        ("models: {theirs: {weights: a.pt, input_shape: [5], input_order: HWC}}", "models.theirs", "leave it out"),
        ("models: {theirs: {weights: a.pt, input_shape: [1, 5, 5], std: s.npy}}", "models.theirs", "only vectors have"),
        ("models: {theirs: {weights: a.pt, input_shape: [1, 5, 5], mean: 2}}", "models.theirs", "images are in 0 .. 1"),
        (
            "models: {theirs: {weights: a.pt, input_shape: [1, 5, 5], mean: [-1]}}",
            "models.theirs",
            "mean is -1, and",
        ),
        ("datasets: {faces: {source: {kind: vectors}}}", "datasets.faces.source.path", "add it"),
        (
            "datasets: {faces: {source: {kind: vectors, path: a, turn: no}}}",
            "datasets.faces.source.turn",
            "no known key",
        ),
        ("models: {mlp500: {hidden: []}}", "models.mlp500.hidden", "at least 1"),
        ("models: {mlp500: {hidden: [4, -1]}}", "models.mlp500.hidden.1", "-1"),
        ("models: {mlp500: {first_layer_scale: .inf}}", "models.mlp500.first_layer_scale", "finite"),
        (
            "models: {mlp500: {training: {schedule: {kind: constant, learning_rate: -0.1}}}}",
            "models.mlp500.training.schedule.learning_rate",
            "-0.1",
        ),
        ("models: {mlp500: {training: {precision: float16}}}", "models.mlp500.training.precision", "float16"),
        (
            "sweeps: {demo: {restarts: {candidates: 1}}}",
            "sweeps.demo.restarts.candidates",
            "greater than or equal to 2",
        ),
        ("sweeps: {demo: {restarts: {subspace: {alpha: -1}}}}", "sweeps.demo.restarts.subspace.alpha", "-1"),
        ("sweeps: {demo: {restarts: {subspace: {alpha: .nan}}}}", "sweeps.demo.restarts.subspace.alpha", "finite"),
        (
            "sweeps: {demo: {restarts: {subspace: {alpha: {uniform: [5, 1]}}}}}",
            "sweeps.demo.restarts.subspace.alpha",
            "runs backwards",
        ),
        (
            "sweeps: {demo: {restarts: {published: {alpha: {log-uniform: [0, 1]}}}}}",
            "sweeps.demo.restarts.published.alpha.log-uniform.0",
            "greater than 0",
        ),
        ("sweeps: {a/b: {restarts: {candidates: 2}}}", "sweeps.a/b", "a name is letters"),
        ("sweeps: {..: {restarts: {candidates: 2}}}", "sweeps...", "a name is letters"),
        ("sweeps: {'$(id);': {restarts: {candidates: 2}}}", "sweeps.$(id);", "a name is letters"),
        ("evaluation: {false_positive_rate: 1}", "evaluation.false_positive_rate", "less than 1"),
        ("experiments: []", "experiments", "at least 1"),
        ("experiments: [{dataset: cats, model: mlp500, sweep: demo}]", "experiments", "it has faces"),
        ("experiments: [{dataset: faces, model: big, sweep: demo}]", "experiments", "'big'"),
        ("experiments: [{dataset: faces, model: mlp500, sweep: long}]", "experiments", "'long'"),
        ("experiments: [{dataset: faces, model: mlp500}]", "experiments.0.sweep", "add it"),
        (
            "experiments: [{dataset: faces, model: mlp500, sweep: demo}, {dataset: faces, model: mlp500, sweep: demo}]",
            "experiments",
            "repeats",
        ),
        ("datasets: 3", "datasets", "dictionary"),
        ("models: {1: {}}", "models.1", "in quotes"),
        ("models: {on: {}}", "models.", "in quotes"),
        ("experiments: [{dataset: faces, model: 7, sweep: demo}]", "experiments.0.model", "in quotes"),
        ("container: 1.10", "container", "in quotes"),
        ("container: off", "container", "in quotes"),
        ("sweeps: {demo: {shards: 1000000000000}}", "sweeps.demo.shards", "less than or equal to 100000"),
        ("sweeps: {demo: {restarts: {per_shard: 1000000000000}}}", "sweeps.demo.restarts.per_shard", "less than"),
        (
            "sweeps: {demo: {restarts: {subspace: {alpha: {uniform: [no, yes]}}}}}",
            "sweeps.demo.restarts.subspace.alpha.uniform.0",
            "give a number, not yes or no",
        ),
    ],
)
def test_a_mistake_is_named(overlay, key, advice):
    with pytest.raises(UserError) as caught:
        parsing.load(laid_over(DEFAULT, yaml.safe_load(overlay)))
    sentence = str(caught.value)
    assert sentence.startswith(f"configuration: {key}")
    assert advice in sentence
    assert "\n" not in sentence


def test_text_that_is_no_yaml_is_refused_in_one_line():
    with pytest.raises(UserError, match="--settings: not YAML") as caught:
        parsing.parse_yaml(Model, "hidden: [1, 2", "--settings")
    assert "\n" not in str(caught.value)


def test_a_number_in_scientific_notation_needs_no_point():
    assert parsing.parse_yaml(Model, "training: {target_loss: 1e-7}", "").training.target_loss == 1e-7


@given(st.permutations(["candidates", "seed", "per_shard"]))
def test_settings_have_one_spelling(order):
    values = {"candidates": 8, "seed": 3, "per_shard": 2}
    text = parsing.parse(Restarts, {key: values[key] for key in order}, "").to_json()
    assert text == Restarts(**values).to_json()
    assert parsing.parse_yaml(Restarts, text, "").to_json() == text
    assert json.loads(text)["subspace"]["iterations"] == Restarts(**values).subspace.iterations


def test_the_number_of_shards_is_no_part_of_a_shard():
    sweep = Sweep(shards=7, restarts=Restarts(candidates=8))
    assert "shards" not in json.loads(sweep.restarts.to_json())


@pytest.mark.parametrize("section", [Dataset, Model, Restarts])
def test_help_lists_every_key(section):
    text = parsing.describe(section)
    assert all(f"  {name}: " in text for name in section.model_fields)
