"""What a shard keeps of its restarts' candidates."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from reconstruction.configuration import Merge, Restarts
from reconstruction.files import store
from reconstruction.models import deployed
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.mlp import initialise
from reconstruction.shards.preselection import largest
from reconstruction.stages import deduplicate, reconstruct
from science_helpers import generator, normal, properties

CPU = torch.device("cpu")


@properties
@given(st.integers(1, 4), st.integers(2, 25), st.floats(0.01, 1), st.integers(0, 999))
def test_each_restart_keeps_the_largest_of_each_label_in_their_order(restarts, count, keep, seed):
    candidates, labels = normal(restarts, count, 3, seed=seed), LOGISTIC.candidate_labels(count)
    found = largest(candidates, labels, keep).numpy()
    for chosen, norms in zip(found, candidates.norm(dim=-1).numpy(), strict=True):
        assert (np.diff(chosen) > 0).all()
        for label in (-1, 1):
            members = np.flatnonzero(labels == label)
            kept = np.intersect1d(chosen, members)
            assert len(kept) == int(np.ceil(keep * len(members) - 1e-9))
            left = np.setdiff1d(members, kept)
            assert not len(left) or norms[kept].min() >= norms[left].max()
        assert (labels[chosen] == labels[found[0]]).all()


def test_what_is_no_number_is_kept():
    candidates = normal(1, 8, 3)
    candidates[0, 5, 1] = torch.nan
    assert 5 in largest(candidates, LOGISTIC.candidate_labels(8), 0.25)[0]


@pytest.mark.parametrize("keep", [0, -0.5, 1.01, True])
def test_a_fraction_is_asked_for(keep):
    with pytest.raises(ValidationError, match="keep"):
        Restarts.model_validate({"candidates": 8, "keep": keep})


@pytest.fixture
def model(tmp_path):
    network = initialise(12, [7, 6], 0.5, generator(0))
    arrays = deployed.arrays(network, np.zeros((1, 3, 4), np.float32))
    store.write(tmp_path / "model.h5", "model", arrays, settings_json="{}")
    return tmp_path / "model.h5"


def shard(model, index, keep):
    settings = {
        "candidates": 10, "per_shard": 2, "method": "published", "published": {"iterations": 3}, "keep": keep,
    }  # fmt: skip
    output = model.parent / f"{keep}/{index:04}.h5"
    reconstruct.run(Restarts.model_validate(settings), index, model, output, CPU)
    return output


def test_a_shard_holds_of_the_whole_one_what_is_kept_and_merges(model):
    whole, part = (store.read(shard(model, 1, keep), "shard") for keep in (1, 0.4))
    assert whole["candidates"].shape == (2, 10, 12)
    chosen = largest(torch.from_numpy(whole["candidates"]), LOGISTIC.candidate_labels(10), 0.4).numpy()
    assert part["labels"].tolist() == [-1, -1, 1, 1]
    assert part["restart"].tolist() == whole["restart"].tolist() == [2, 3]
    for restart in range(2):
        assert np.array_equal(part["candidates"][restart], whole["candidates"][restart, chosen[restart]])
        assert np.array_equal(part["lambdas"][restart], whole["lambdas"][restart, chosen[restart]])
    deduplicate.run(Merge(), model, [shard(model, 0, 0.4), part.path], model.parent / "candidates.h5")
    merged = store.read(model.parent / "candidates.h5", "candidates")
    assert merged["candidates/restart"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert merged["candidates/label"].tolist() == [-1, -1, 1, 1] * 4
    assert np.array_equal(merged["candidates/coordinates"][8:12], part["candidates"][0])
