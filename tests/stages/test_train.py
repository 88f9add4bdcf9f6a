"""What `train` says of the network that it has trained."""

from pathlib import Path

import pytest
import torch
from reconstruction.configuration import Dataset, Model, parsing
from reconstruction.stages import subset, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "subset.h5"
    values = {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}, "per_label": 5}
    subset.run(parsing.parse(Dataset, values, ""), path)
    return path


@pytest.mark.parametrize(("steps", "is_at_rest"), [(1, False), (3000, True)])
def test_a_network_far_from_rest_is_warned_of(drawn, tmp_path, capsys, steps, is_at_rest):
    settings = Model(hidden=[20, 20], training={"weight_decay": 1e-3, "steps": steps})
    train.run(settings, drawn, tmp_path / "model.h5", tmp_path / "training.h5", CPU)
    said = capsys.readouterr().out
    assert ("far from rest under weight decay; raise training.steps" in said) != is_at_rest
    assert ("leaves more than all" in said) != is_at_rest
