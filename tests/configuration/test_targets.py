"""A misspelt result is answered with the names that there are."""

from pathlib import Path

import pytest
import yaml
from reconstruction.configuration import parsing, targets
from reconstruction.errors import UserError, in_one_line

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
THEIRS = {"weights": "theirs.pt", "input_shape": [1, 25, 25]}
CONFIGURATION = parsing.load({**DEFAULT, "models": {**DEFAULT["models"], "theirs": THEIRS}})


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/nosuch/subset.h5", "no dataset is called 'nosuch'; there are faces"),
        ("results/faces~x/subset.h5", "no dataset is called 'faces~x', did you mean faces?; there are faces"),
        ("results/no-images/subset.h5", "no dataset is called 'no-images'; there are faces"),
        ("./results/faces/mlp50/training.h5", "no model is called 'mlp50', did you mean mlp500?; there are decay500, "),
        ("results/faces/mlp500/nosuch/candidates.h5", "no sweep is called 'nosuch'; there are exact, demo"),
        ("results/faces/mlp500/dmo/shards/0000.h5", "no sweep is called 'dmo', did you mean demo?; there are"),
        ("results/faces/mlp500/dmo/figures/margin.png", "no sweep is called 'dmo'"),
        ("results/faces/mlp500~scrumbled/model.h5", "no model is called 'mlp500~scrumbled'; there are"),
        ("results/no-images/mlp500/demo/report.html", "no model of weights from elsewhere is called 'mlp500'; there"),
        (
            "results/faces/mlp500~scrambled/demo/evaluation.h5",
            "a control is searched, not evaluated by itself; ask",
        ),
        ("results/faces~1/mlp500/demo/figures/images.csv", "a control is searched, not evaluated by itself; ask"),
        ("results/f\udcf6/subset.h5", "no dataset is called 'f\\udcf6'"),
    ],
)
def test_a_name_that_is_none_is_named(target, said):
    with pytest.raises(UserError) as caught:
        targets.check(CONFIGURATION, target)
    assert str(caught.value).startswith(f"{in_one_line(target)}: {said}")


@pytest.mark.parametrize(
    "target",
    [
        "results/faces/subset.h5",
        "results/faces~1/subset.h5",
        "results//faces/mlp500~scrambled/demo/candidates.h5",
        "results/faces~9/decay500/demo/shards/0007.h5",
        "results/no-images/theirs/model.h5",
        "results/no-images/theirs/demo/figures/restarts.csv",
        "results/table.csv",
        "results/report.html",
        "results/old/settings.yaml",
        "nosuch/subset.h5",
        "--configfile",
        "all",
        "",
    ],
)
def test_others_are_left_alone(target):
    targets.check(CONFIGURATION, target)
