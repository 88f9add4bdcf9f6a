"""Paths of the results tree."""

from pathlib import Path

import pytest
from reconstruction.files import layout


def test_the_names_of_a_search_fill_its_folder():
    assert layout.OF_SWEEP.format(**layout.names("faces~1/mlp/demo")) == "faces~1/mlp/demo"
    with pytest.raises(ValueError, match="argument"):
        layout.names("faces/mlp")


def test_a_result_lies_below_results():
    found = layout.result(layout.SHARD, **layout.names("faces/mlp/demo"), shard=layout.shard_name(12))
    assert found == "results/faces/mlp/demo/shards/0012.h5"
    assert layout.progress_of(Path(found)) == Path("results/faces/mlp/demo/shards/.0012.progress.h5")


def test_a_scrambled_model_is_searched_as_a_model():
    names = {"dataset": "faces", "model": "mlp"}
    scrambled = layout.MODEL.format(**names | {"model": f"mlp{layout.SCRAMBLED}"})
    assert layout.SCRAMBLED_MODEL.format(**names) == scrambled


def test_what_lies_in_the_folder_of_a_sweep():
    assert layout.below(layout.OF_SWEEP, layout.CANDIDATES) == "candidates.h5"
    assert layout.below(layout.OF_SWEEP, layout.SHARD).format(shard="*") == "shards/*.h5"
